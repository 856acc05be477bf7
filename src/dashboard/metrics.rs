//! The state for Prometheus, in its text format 0.0.4.

use std::fmt::Write;
use std::time::Duration;

use crate::appliance::{Status, StoreState};
use crate::source::stream::SourceState;

/// Content type.
pub const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics. Seconds, bytes, shares from 0 to 1.
pub fn text(status: &Status, frame_age: Duration) -> String {
    let mut text = Text::default();
    let Status { source, store, .. } = status;
    text.gauge("build_info", "Always 1; the labels tell program, network and masks.").value(
        &[
            ("software", &status.software),
            ("network", &status.network),
            ("masks", status.masks.name()),
        ],
        1.0,
    );
    text.gauge("uptime_seconds", "Since the loop began.").value(&[], status.uptime_seconds);
    text.gauge("paused", "1 while nobody is looked at.").value(&[], is(status.paused));
    text.gauge("faces", "Faces in the last frame.").value(&[], status.faces as f64);
    text.counter("visits_total", "Visits begun.").value(&[], status.visits as f64);
    text.counter("explanations_total", "Faces explained.").value(&[], status.explanations as f64);
    text.gauge("explanation_samples", "Samples per explanation, as chosen now.")
        .value(&[], status.samples as f64);

    text.counter("expression_visits_total", "Visits with an explanation of the expression.");
    for each in &status.expressions {
        text.value(&[("expression", each.expression.name())], each.visits as f64);
    }
    text.counter("expression_explanations_total", "Explanations of the expression.");
    for each in &status.expressions {
        text.value(&[("expression", each.expression.name())], each.explanations as f64);
    }
    let overlaps = || status.expressions.iter().filter_map(|each| Some((each, each.overlap?)));
    text.gauge("iou_ratio", "Intersection over union of heatmap and Ekman mask.");
    for (each, overlap) in overlaps() {
        text.value(&[("expression", each.expression.name())], overlap.iou);
    }
    text.gauge("iou_chance_ratio", "The highest chance level of the intersection over union.");
    for (each, overlap) in overlaps() {
        let chance = overlap.chance();
        text.value(&[("expression", each.expression.name())], chance);
    }
    for (end, name, help) in [
        (0, "iou_low_ratio", "Lower end of the 95 % interval of the intersection over union."),
        (1, "iou_high_ratio", "Upper end of the 95 % interval of the intersection over union."),
    ] {
        text.gauge(name, help);
        for each in &status.expressions {
            if let Some(interval) = each.iou_interval {
                text.value(&[("expression", each.expression.name())], interval[end]);
            }
        }
    }

    text.counter("refusals_total", "Faces in frames that were not explained, by the first reason.");
    let refusals = &status.refusals;
    for (reason, count) in [
        ("small", refusals.small),
        ("turned", refusals.turned),
        ("blurred", refusals.blurred),
        ("doubtful", refusals.doubtful),
        ("neutral", refusals.neutral),
        ("busy", refusals.busy),
    ] {
        text.value(&[("reason", reason)], count as f64);
    }

    text.gauge("source_state", "1 for the state the source of frames is in.");
    for (name, state) in [
        ("waiting", SourceState::Waiting),
        ("running", SourceState::Running),
        ("ended", SourceState::Ended),
    ] {
        text.value(&[("state", name)], is(source.state == state));
    }
    text.counter("frames_total", "Frames captured.").value(&[], source.frames as f64);
    text.counter("frames_dropped_total", "Frames captured but not looked at.")
        .value(&[], source.dropped as f64);
    text.counter("source_reopened_total", "Times the source was given up and opened again.")
        .value(&[], source.reopened as f64);
    text.gauge("frame_age_seconds", "Since the last frame was captured.")
        .value(&[], frame_age.as_secs_f64());

    text.gauge("stage_median_seconds", "Half of the last runs of a stage took less.");
    for stage in &status.stages {
        text.value(&[("stage", stage.stage)], stage.median_ms / 1000.0);
    }
    text.gauge("stage_p95_seconds", "95 of 100 of the last runs of a stage took less.");
    for stage in &status.stages {
        text.value(&[("stage", stage.stage)], stage.p95_ms / 1000.0);
    }

    text.gauge("store_state", "1 for the state the results' file is in; memory: no file.");
    for (name, state) in [
        ("memory", StoreState::Memory),
        ("kept", StoreState::Kept),
        ("failing", StoreState::Failing),
    ] {
        text.value(&[("state", name)], is(store.state == state));
    }
    text.counter("committed_explanations_total", "Explanations that a power cut does not take.")
        .value(&[], store.committed_explanations as f64);
    text.counter("restarts_total", "Workers that failed and were started again.")
        .value(&[], status.restarts as f64);
    if let Some(bytes) = status.resident_bytes {
        text.gauge("resident_memory_bytes", "Memory of the process.").value(&[], bytes as f64);
    }
    text.text
}

fn is(state: bool) -> f64 {
    f64::from(u8::from(state))
}

/// Metrics in the making.
#[derive(Default)]
struct Text {
    text: String,
    name: &'static str,
}

impl Text {
    fn gauge(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.begin(name, help, "gauge")
    }

    fn counter(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.begin(name, help, "counter")
    }

    fn begin(&mut self, name: &'static str, help: &str, kind: &str) -> &mut Self {
        self.name = name;
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP ferscope_{name} {help}\n# TYPE ferscope_{name} {kind}");
        self
    }

    /// A value of the metric begun last.
    fn value(&mut self, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escape(text))).collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.text, "ferscope_{}{labels} {value}", self.name);
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
