// Runs one face-api network in Node.js, on the TensorFlow.js processor backend,
// and writes its output: the reference that scripts/convert-models compares with.
//
// usage: node convert-models-reference.mjs PACKAGE_FOLDER JOB INPUT OUTPUT
//
//   PACKAGE_FOLDER  the unpacked npm package; @tensorflow/tfjs must be installed
//                   in a node_modules folder above it
//   JOB             landmarks or expression
//   INPUT           112 x 112 x 3 little-endian 32-bit floats, channels last
//   OUTPUT          where the outputs go, as little-endian 32-bit floats

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [packageFolder, job, inputFile, outputFile] = process.argv.slice(2);
if (!outputFile) {
  console.error("usage: convert-models-reference.mjs PACKAGE_FOLDER JOB INPUT OUTPUT");
  process.exit(2);
}

// The package has several builds of the same code; this is the one for Node.js
// that needs no native module.
const require = createRequire(join(resolve(packageFolder), "package.json"));
const faceApi = require("./dist/face-api.node-wasm.js");

await faceApi.tf.setBackend("cpu");
await faceApi.tf.ready();

const networks = {
  landmarks: faceApi.nets.faceLandmark68Net,
  expression: faceApi.nets.faceExpressionNet,
};
const network = networks[job];
await network.loadFromDisk(join(packageFolder, "model"));

const bytes = readFileSync(inputFile);
const values = new Float32Array(
  bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
);
const input = faceApi.tf.tensor4d(values, [1, 112, 112, 3]);
const output = await network.forward(input);
writeFileSync(outputFile, new Uint8Array((await output.data()).buffer));
