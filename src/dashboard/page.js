// Shows what the server tells: its state once a second, its history and heatmaps when they change. Numbers and names are written
// as text, never as markup.
"use strict";

const STEP = 1000, LONGEST_WAIT = 30000, PATIENCE = 5000, HISTORY_STEP = 10000;
const REASONS = {
    small: "too small or too far away", turned: "turned away", blurred: "blurred", doubtful: "no expression clear enough",
    neutral: "neutral, for which there is no map", busy: "fit, but no time: another was being explained",
};
const STAGES = {
    detect: "find faces", place: "place landmarks", classify: "name expressions", perceive: "a whole frame", latency: "from camera to answer",
    explain: "explain a face", commit: "write results",
};
const STORES = {
    memory: "in memory only: no file was asked for", kept: "written", failing: "cannot be written; kept in memory",
};

const at = id => document.getElementById(id);
const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
const toggle = (element, text) => { element.hidden = !text; setText(element, text || ""); };
const whole = value => value.toLocaleString("en");
const share = value => value.toFixed(2);
const title = name => name[0].toUpperCase() + name.slice(1);
const clock = date => date.toLocaleTimeString([], { hour12: false });
const visits = count => `${whole(count)} visit${count === 1 ? "" : "s"}`;

function duration(seconds) {
    if (seconds < 90) return `${Math.round(seconds)} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

function milliseconds(value) {
    return value < 10 ? `${value.toFixed(1)} ms` : value < 10000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

function draw(svg, label, shapes) {
    svg.setAttribute("aria-label", label);
    svg.replaceChildren(...shapes.map(([name, attributes, text]) => {
        const shape = document.createElementNS("http://www.w3.org/2000/svg", name);
        for (const key in attributes) shape.setAttribute(key, attributes[key]);
        if (text) shape.textContent = text;
        return shape;
    }));
}

const cards = new Map();
let history = [], historyAt = -Infinity, status = null, software = null, failures = 0, lostAt = null, timer = 0, busy = false, presses = 0;

function card(name) {
    if (!cards.has(name)) {
        const element = at("card").content.firstElementChild.cloneNode(true);
        setText(element.querySelector("h3"), title(name));
        at("expressions").append(element);
        cards.set(name, { element, shown: null, triedAt: -Infinity, history: null });
    }
    return cards.get(name);
}

const chanceOf = overlap => Math.max(overlap.iou_all_white, overlap.iou_random, overlap.iou_other_masks);

function verdict({ overlap, iou_interval: interval }) {
    return overlap && interval ? interval[0] > chanceOf(overlap) : null;
}

// One scale for all, so that cards can be compared.
function scaleEnd() {
    const ends = status.expressions.filter(each => each.overlap)
        .flatMap(each => [each.overlap.iou, chanceOf(each.overlap), ...(each.iou_interval || [])]);
    const past = history.flatMap(point => point.iou.flatMap(iou => iou ? [iou[2], iou[3]] : []));
    return Math.min(1, Math.max(0.2, Math.ceil(past.concat(ends).reduce((a, b) => Math.max(a, b), 0) * 10) / 10));
}

function showExpression(each, index, end) {
    const one = card(each.expression), find = selector => one.element.querySelector(selector);
    const enough = each.visits >= status.min_visits, { overlap, iou_interval: interval } = each;
    const above = verdict(each);
    const word = find(".verdict");
    setText(word, above === null ? (enough ? "not judged yet" : "too few visits") : above ? "above chance" : "not above chance");
    word.dataset.above = above ? "yes" : "no";
    setText(find(".visits"), whole(each.visits));
    setText(find(".explanations"), whole(each.explanations));
    setText(find(".iou"), overlap ? share(overlap.iou) : "–");
    setText(find("dd.ends"), interval ? `${share(interval[0])}–${share(interval[1])}` : "–");
    setText(find(".chance"), overlap ? share(chanceOf(overlap)) : "–");
    showMap(one, each, enough);
    find(".interval").hidden = find(".time").hidden = !overlap;
    one.element.querySelectorAll(".judged").forEach(row => { row.hidden = !overlap; });
    if (!overlap) return;

    const percent = value => `${(100 * Math.min(value, end) / end).toFixed(2)}%`, chance = chanceOf(overlap);
    const label = `IoU ${share(overlap.iou)}` + (interval ? `, interval ${share(interval[0])} to ${share(interval[1])}` : "") +
        `, chance ${share(chance)}: ${word.textContent}`;
    if (one.label !== label + end) {
        one.label = label + end;
        draw(find(".interval svg"), label, [
            ["line", { class: "axis", x1: "0%", x2: "100%", y1: 10, y2: 10 }],
            ...(interval ? [["line", { class: "band", x1: percent(interval[0]), x2: percent(interval[1]), y1: 10, y2: 10 }]] : []),
            ["line", { class: "chance-line", x1: percent(chance), x2: percent(chance), y1: 0, y2: 20 }],
            ["circle", { class: "dot", "data-above": above ? "yes" : "no", cx: percent(overlap.iou), cy: 10, r: 5 }],
            ["text", { x: "0%", y: 33 }, "0"],
            // Not over the ends of the scale.
            ["text", { x: percent(Math.min(Math.max(chance, 0.14 * end), 0.86 * end)), y: 33, "text-anchor": "middle" }, "chance"],
            ["text", { x: "100%", y: 33, "text-anchor": "end" }, end.toFixed(1)],
        ]);
    }
    showHistory(one, index, end);
}

function showMap(one, each, enough) {
    const box = one.element.querySelector(".map"), placeholder = box.querySelector(".placeholder");
    const counts = enough ? `${each.visits}-${each.explanations}` : null;
    if (!enough) {
        setText(placeholder.querySelector("p"), `needs ${status.min_visits} visits, has ${each.visits}`);
        const bar = placeholder.querySelector("progress");
        bar.max = status.min_visits;
        bar.value = each.visits;
        bar.setAttribute("aria-label", `Visits of ${each.expression}`);
    } else if (!box.querySelector("img")) {
        setText(placeholder.querySelector("p"), "being drawn");
    }
    placeholder.querySelector("progress").hidden = enough;
    if (!enough) {
        box.querySelector("img")?.remove();
        placeholder.hidden = false;
        one.shown = null;
    } else if (one.shown !== counts && performance.now() - one.triedAt > STEP) {
        one.triedAt = performance.now();
        const image = new Image(448, 606);
        image.alt = `Heatmap of ${each.expression} on the standard face with the outline of its Ekman mask, of ${visits(each.visits)}`;
        image.onload = () => {
            box.querySelector("img")?.remove();
            box.append(image);
            placeholder.hidden = true;
            one.shown = counts;
        };
        // A heatmap that is not made yet is asked for later.
        image.onerror = () => { one.triedAt = performance.now() + HISTORY_STEP; };
        image.src = `/api/heatmaps/${each.expression}.png?${counts}`;
    }
}

function showHistory(one, index, end) {
    const box = one.element.querySelector(".time");
    const points = history.flatMap(point => point.iou[index] ? [[point.uptime_seconds, ...point.iou[index]]] : []);
    box.hidden = points.length < 2;
    if (box.hidden || (one.history === history && one.end === end)) return;
    Object.assign(one, { history, end });
    const from = points[0][0], to = points[points.length - 1][0];
    const x = point => (100 * (point[0] - from) / (to - from || 1)).toFixed(2);
    const y = value => (100 - 100 * Math.min(value, end) / end).toFixed(2);
    const path = (points, column) => points.map(point => `${x(point)} ${y(point[column])}`).join("L");
    const last = points[points.length - 1];
    draw(box.querySelector("svg"), `From ${share(points[0][1])} to ${share(last[1])} in ${duration(to - from)}; chance now ${share(last[4])}`, [
        ["path", { class: "area", d: `M${path(points, 3)}L${path([...points].reverse(), 2)}Z` }],
        ["path", { class: "chance-line", d: `M${path(points, 4)}` }],
        ["path", { class: "iou-line", d: `M${path(points, 1)}` }],
    ]);
    setText(box.querySelector("figcaption"), `IoU over time, from 0 to ${end.toFixed(1)}`);
    const [begin, until] = box.querySelectorAll(".ends span"), ago = moment => status.uptime_seconds - moment;
    setText(begin, `${duration(ago(from))} ago`);
    setText(until, ago(to) < 90 ? "now" : `${duration(ago(to))} ago`);
}

function showState() {
    const { source, paused } = status;
    const [state, words] = paused ? ["paused", "Paused: nobody is looked at"]
        : source.state === "waiting" ? ["waiting", "Waiting for the camera"]
        : source.state === "ended" ? ["ended", "Ended: there are no more frames"]
        : ["looking", "Looking"];
    at("state").dataset.state = state;
    setText(at("state"), words);
    // Beside what is read aloud when it changes: faces come and go.
    setText(at("faces"), state !== "looking" ? "" : status.faces === 0 ? "– nobody in view" : `at ${status.faces} face${status.faces === 1 ? "" : "s"}`);
    at("pause").hidden = false;
    if (!busy) setText(at("pause"), paused ? "Resume" : "Pause");
    at("pause").disabled = busy || !!lostAt;
}

function showRefusals() {
    const list = at("refusals"), most = Math.max(1, ...Object.values(status.refusals));
    for (const [reason, count] of Object.entries(status.refusals)) {
        let row = document.getElementById(`refused-${reason}`);
        if (!row) {
            row = document.createElement("div");
            row.id = `refused-${reason}`;
            const [name, value, track, fill] = ["dt", "dd", "dd", "span"].map(tag => document.createElement(tag));
            track.className = "track";
            track.setAttribute("aria-hidden", "true");
            fill.className = "fill";
            track.append(fill);
            setText(name, REASONS[reason] || reason);
            row.append(name, value, track);
            list.append(row);
        }
        setText(row.children[1], whole(count));
        row.querySelector(".fill").style.width = `${100 * count / most}%`;
    }
}

function showFacts() {
    const { source, store } = status, size = source.size ? `, ${source.size.join(" × ")} pixels` : "";
    const rows = {
        Camera: `${source.uri || "none yet"}${size}`,
        Frames: `${source.frames_per_second.toFixed(1)} per second; ${whole(source.frames)} captured`,
        Dropped: !source.dropped ? "none" : `${whole(source.dropped)} frames, since newer ones came` +
            ` (${Math.round(100 * source.dropped / Math.max(source.frames, 1))} %)`,
        "Opened again": source.reopened ? `${whole(source.reopened)} times` : "never",
        "Last problem": source.problem || "none",
        Results: (STORES[store.state] || store.state) + (store.path ? `: ${store.path}` : ""),
        "On disk": store.path ? `${whole(store.committed_explanations)} explanations, safe from a power cut` : "",
        "Write error": store.problem || "",
        Explanations: `${status.explanations_per_minute.toFixed(1)} per minute, ${whole(status.samples)} samples each`,
        Memory: status.resident_bytes === null ? "not known" : `${Math.round(status.resident_bytes / 1e6)} MB`,
        Restarts: status.restarts ? `${whole(status.restarts)} of workers that failed` : "none",
        "Running for": duration(status.uptime_seconds),
        Network: status.network,
        Masks: status.masks,
    };
    for (const [name, text] of Object.entries(rows)) {
        let row = document.getElementById(`fact-${name}`);
        if (!row) {
            row = document.createElement("div");
            row.id = `fact-${name}`;
            row.append(document.createElement("dt"), document.createElement("dd"));
            setText(row.firstChild, name);
            at("health").append(row);
        }
        row.hidden = !text;
        setText(row.lastChild, text);
    }
}

function showStages() {
    const body = at("stages").querySelector("tbody");
    at("stages").hidden = !status.stages.length;
    at("no-stages").hidden = !!status.stages.length;
    while (body.rows.length > status.stages.length) body.deleteRow(-1);
    status.stages.forEach((stage, index) => {
        let row = body.rows[index];
        if (!row) {
            row = body.insertRow();
            const name = document.createElement("th");
            name.scope = "row";
            row.append(name);
            row.insertCell();
            row.insertCell();
        }
        [STAGES[stage.stage] || stage.stage, milliseconds(stage.median_ms), milliseconds(stage.p95_ms)]
            .forEach((text, column) => setText(row.cells[column], text));
    });
}

function showPicture() {
    const image = at("picture");
    at("camera").hidden = !status.shows_picture;
    const wanted = status.has_picture && !lostAt && !status.paused;
    if (!wanted) {
        image.hidden = true;
        // A load that is broken off tells neither its end nor an error.
        image.removeAttribute("src");
        delete image.dataset.loading;
    } else if (!image.dataset.loading) {
        image.dataset.loading = "yes";
        image.onload = image.onerror = event => {
            image.hidden = event.type === "error";
            at("no-picture").hidden = !image.hidden;
            delete image.dataset.loading;
        };
        image.src = `/api/picture.jpg?${Date.now()}`;
    }
    if (!wanted) at("no-picture").hidden = false;
}

function show() {
    toggle(at("notice"), status.notice);
    const why = [status.source.state === "waiting" && status.source.problem, status.store.state === "failing" && status.store.problem];
    const reasons = why.filter(reason => reason).map(reason => ` (${reason})`).join("");
    toggle(at("problem"), status.problem && `Not working as it should: ${status.problem}${reasons}.`);
    setText(at("summary"), `${title(visits(status.visits))}, ${whole(status.explanations)} faces explained by the network ${status.network}.`);
    showState();
    const end = scaleEnd();
    status.expressions.forEach((each, index) => showExpression(each, index, end));
    showRefusals();
    showFacts();
    showStages();
    showPicture();
    setText(at("software"), status.software);
}

async function ask(path) {
    const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw Object.assign(new Error((await answer.json()).error), { code: answer.status });
    return answer.json();
}

async function poll() {
    clearTimeout(timer);
    let wait = document.hidden ? PATIENCE : STEP;
    try {
        const before = presses, next = await ask("/api/status");
        if (performance.now() - historyAt > HISTORY_STEP) {
            historyAt = performance.now();
            history = await ask("/api/history");
        }
        // A newer program brings a newer page.
        if (software && software !== next.software) return location.reload();
        software = next.software;
        // What was asked before the button was pressed is out of date.
        if (before === presses || !status) status = next;
        failures = 0;
        lostAt = null;
        toggle(at("lost"), null);
    } catch (problem) {
        failures += 1;
        lostAt ||= new Date();
        wait = Math.min(STEP * 2 ** failures, LONGEST_WAIT);
        toggle(at("lost"), problem.code === 401 ? "The token is not accepted any more: open this page with the token again."
            : `Connection lost since ${clock(lostAt)}. What is below is from then.`);
        at("state").dataset.state = "unknown";
        setText(at("state"), "Not known");
        setText(at("faces"), "");
        at("pause").disabled = true;
        // Nobody's picture stays when it is not known whether it may.
        if (status) showPicture();
    }
    timer = setTimeout(poll, wait);
    if (!lostAt) show();
}

async function press() {
    const button = at("pause"), path = status.paused ? "/api/resume" : "/api/pause";
    busy = button.disabled = true;
    presses += 1;
    try {
        const answer = await fetch(path, { method: "POST", headers: { "X-Ferscope": "1" }, signal: AbortSignal.timeout(PATIENCE) });
        if (!answer.ok) throw new Error((await answer.json()).error);
        status.paused = (await answer.json()).paused;
        status.has_picture = false;
        presses += 1;
        toggle(at("refused"), null);
    } catch (problem) {
        toggle(at("refused"), `That did not work: ${problem.message}`);
    }
    busy = false;
    showState();
    showPicture();
}

at("pause").addEventListener("click", press);
document.addEventListener("visibilitychange", () => { if (!document.hidden && timer) { clearTimeout(timer); poll(); } });
poll();
