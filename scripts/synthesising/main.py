"""Render a training set of six facial expressions and neutral: photographed people act by recipe, or painted heads do.

A head model (ICT-FaceKit) is fitted to each neutral photograph; its muscles are pulled after one of several recipes per
expression, and the photograph's own skin, hair and eyes move along. Every picture has its own pose, light, camera and
flaws. The faces are not real expressions: say so beside every number measured on them.
"""

import argparse
import multiprocessing
import os
import shlex
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

# One thread per job: arithmetic libraries that start their own would only get in each other's way.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "render-demo-parts"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from tqdm import tqdm

import catalogue
import subjects
from expression_families import EXPRESSIONS, FAMILIES
from subjects import SetError, Subject

EXAMPLES = """examples:
  a set from the London photographs (5,712 pictures; 6,426 took 31 minutes with --jobs 2 on two busy cores):
    scripts/synthesise --ict-model ict_model.npz --photographs london --out set
  the same with both cores, stopped and started again at will; what is there is not rendered twice:
    scripts/synthesise --ict-model ict_model.npz --photographs london --out set --jobs 2
  40 painted people that nobody is, whose pictures may be published:
    scripts/synthesise --ict-model ict_model.npz --painted 40 --out painted
  look at a set:
    scripts/synthesise --out set --contact-sheet sheet.png

families (column `family` of faces.csv; hold some out to see whether a network has learnt recipes by heart):
""" + "\n".join(f"  {name}: {', '.join(FAMILIES[name])}" for name in EXPRESSIONS)


def arguments(words=None):
    parser = argparse.ArgumentParser(
        prog="scripts/synthesise",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", metavar="SET", help="folder of the set: pictures, moved, faces.csv, README.md")
    parser.add_argument(
        "--ict-model",
        metavar="FILE.npz",
        help="ICT-FaceKit's head as arrays: V (vertices x 3), tri (triangles), ex (names of the expression shapes), "
        "E (shapes x vertices x 3), I (identity modes x vertices x 3)",
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--photographs",
        metavar="DIR",
        help="the London set: neutral/NAME.jpg, neutral_landmarks_189.json, london_info.csv",
    )
    who.add_argument("--painted", type=_count, metavar="N", help="N painted heads of random identities, no photograph")
    parser.add_argument("--subjects", type=_count, metavar="N", help="only the first N photographed people")
    parser.add_argument(
        "--variants", type=_count, default=8, metavar="N", help="pictures per subject and expression (default 8)"
    )
    parser.add_argument(
        "--expressions", default=",".join(EXPRESSIONS), metavar="A,B,...", help="only these (default: all)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, another set (default 0)")
    parser.add_argument("--size", type=_count, default=288, metavar="PIXELS", help="side of a picture (default 288)")
    parser.add_argument(
        "--jobs", type=_count, default=1, metavar="N", help="processes; the pictures do not depend on it (default 1)"
    )
    parser.add_argument("--contact-sheet", metavar="FILE.png", help="afterwards, a sample of the set as one picture")
    parser.add_argument(
        "--report-fit", action="store_true", help="render nothing; print how well the head fits each face"
    )
    return parser.parse_args(words)


def _count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of at least 1")
    return value


def render_subject(job):
    """Render the missing pictures of one subject: (how many, what was wrong). Runs in a process of its own."""
    subject, missing, folder, model_path, seed, size = job
    try:
        for expression, variant in missing:
            catalogue.save(folder, subjects.render(subject, expression, variant, model_path, seed, size))
    except SetError as problem:
        return len(missing), str(problem)
    return len(missing), ""


def outcomes(jobs, processes):
    """Run the jobs and yield each one's outcome as it comes."""
    if processes == 1:
        for person, missing, *rest in jobs:
            for key in missing:
                yield render_subject((person, [key], *rest))
        return
    # A fresh interpreter per process: threads of the libraries do not survive a fork.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(render_subject, job) for job in jobs]):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def report_fit(chosen):
    """How far each photograph's landmarks lie from the fitted head, before they are pinned to it."""
    residuals = []
    for person in wanted_subjects(chosen):
        fit = subjects.fit_of(person, chosen.ict_model)
        residuals.append(fit.residual)
        yaw, pitch, roll = fit.angles
        print(f"{person.name}: {fit.residual:.2f} pixels; yaw {yaw:.1f}, pitch {pitch:.1f}, roll {roll:.1f} degrees")
    mean, largest = sum(residuals) / len(residuals), max(residuals)
    print(f"mean over {len(residuals)} photographs: {mean:.2f} pixels, largest {largest:.2f} (landmarks 18 to 68)")


def wanted_subjects(chosen):
    if chosen.painted:
        return [Subject(f"painted-{number:04}", "", "", "", "") for number in range(1, chosen.painted + 1)]
    everyone = subjects.photographed(chosen.photographs)
    return everyone[: chosen.subjects]


def render_set(chosen):
    if not chosen.ict_model:
        raise SetError("--ict-model FILE.npz is needed to render")
    if not Path(chosen.ict_model).is_file():
        raise SetError(f"{chosen.ict_model}: no such file; expected the ICT-FaceKit head as a NumPy .npz")
    expressions = chosen.expressions.split(",")
    for expression in expressions:
        if expression not in EXPRESSIONS:
            raise SetError(f"--expressions: {expression} is none of {', '.join(EXPRESSIONS)}")
    catalogue.refuse_another_set(chosen.out, chosen.seed, chosen.size)
    people = wanted_subjects(chosen)
    subjects.model(chosen.ict_model)
    catalogue.remove_halves(chosen.out)
    keys = [(expression, variant) for expression in expressions for variant in range(chosen.variants)]
    jobs = []
    for person in people:
        missing = [key for key in keys if not catalogue.is_rendered(chosen.out, person.name, *key)]
        if missing:
            jobs.append((person, missing, chosen.out, chosen.ict_model, chosen.seed, chosen.size))
    total = len(people) * len(keys)
    there = total - sum(len(missing) for _, missing, *_ in jobs)
    problems = set()
    with tqdm(total=total, initial=there, unit="picture", smoothing=0.05, disable=not jobs) as bar:
        for count, problem in outcomes(jobs, chosen.jobs):
            bar.update(count)
            if problem and problem not in problems:
                bar.write(f"synthesise: {problem}; left out", file=sys.stderr)
                problems.add(problem)
    return problems


def main():
    chosen = arguments()
    begun = time.monotonic()
    if chosen.report_fit:
        if not (chosen.photographs and chosen.ict_model):
            raise SetError("--report-fit needs --ict-model FILE.npz and --photographs DIR")
        report_fit(chosen)
        return 0
    if not chosen.out:
        raise SetError("--out SET is needed: the folder of the set")
    problems = set()
    if chosen.photographs or chosen.painted:
        before = len(catalogue.all_keys(chosen.out))
        problems = render_set(chosen)
        found = catalogue.rows(chosen.out, catalogue.all_keys(chosen.out))
        if not found:
            raise SetError(f"{chosen.out}: no picture could be made")
        catalogue.write_table(chosen.out, found)
        command = "scripts/synthesise " + shlex.join(_without_folders(sys.argv[1:]))
        london = any(not row["subject"].startswith("painted-") for row in found)
        catalogue.write_readme(chosen.out, found, command, chosen.seed, chosen.size, london)
        print(
            f"{len(found)} pictures in {chosen.out} ({len(found) - before} new, {time.monotonic() - begun:.0f} s);"
            " its README.md says what they are"
        )
    elif not chosen.contact_sheet:
        raise SetError(
            "nothing to do: name --photographs DIR or --painted N to render, or --contact-sheet FILE.png to look"
        )
    if chosen.contact_sheet:
        keys = catalogue.all_keys(chosen.out)
        if not keys:
            raise SetError(
                f"{chosen.out}: no pictures there; expected {chosen.out}/pictures/SUBJECT/EXPRESSION/VARIANT.jpg"
            )
        catalogue.contact_sheet(chosen.out, catalogue.rows(chosen.out, keys), chosen.contact_sheet, seed=chosen.seed)
        print(f"contact sheet: {chosen.contact_sheet}")
    return 1 if problems else 0


def _without_folders(words):
    """The command for the set's README: names of files without the folders of one machine."""
    return [word if word.startswith("--") or os.sep not in word else Path(word).name for word in words]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetError as problem:
        sys.exit(f"synthesise: {problem}")
    except KeyboardInterrupt:
        sys.exit("synthesise: stopped; the same command goes on from here")
