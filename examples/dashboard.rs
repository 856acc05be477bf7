//! Serves the dashboard of a board with made-up numbers, to look at it: `cargo run --example dashboard -- few 127.0.0.1:8080`.
//!
//! States: fresh, few, full, paused, waiting, failing, live (changes every second). Ends when standard input does.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ferscope::appliance::{Board, Refusals, StageTime, Status, StoreState};
use ferscope::compare::{EkmanMasks, MaskSet, Overlap};
use ferscope::dashboard::serve;
use ferscope::expression::Expression;
use ferscope::random::Stream;
use ferscope::source::stream::SourceState;
use ferscope::standard_face::{FACE_HEIGHT, FACE_WIDTH, StandardFace};
use image::{Rgb, RgbImage};

const SEED: u64 = 7;
const MIN_VISITS: u64 = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let state = arguments.next().unwrap_or_else(|| "full".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let token = arguments.next();
    let shows_picture = ["full", "live"].contains(&state.as_str());
    let status = Status::new("face-api-expression", MaskSet::Published, MIN_VISITS);
    let board = Arc::new(Board::new(status, shows_picture));
    fill(&board, &state)?;
    let dashboard = serve(address.parse()?, board.clone(), token.as_deref())?;
    println!("http://{}/ shows made-up numbers", dashboard.address());

    let kept = board.clone();
    std::thread::spawn(move || {
        // The frames go on, or the dashboard would say that they do not.
        for second in 1.. {
            std::thread::sleep(Duration::from_secs(1));
            kept.update(|status| {
                if status.source.state == SourceState::Running {
                    status.source.frames += 30;
                    status.uptime_seconds += 1.0;
                }
            });
            if state == "live" {
                change(&kept, second);
            }
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Numbers that could be.
fn fill(board: &Board, state: &str) -> Result<(), String> {
    let visits: [u64; 6] = match state {
        "fresh" | "waiting" => [0; 6],
        "few" => [3, 7, 0, 41, 20, 19],
        "full" | "paused" | "failing" | "live" => [134, 58, 27, 1312, 96, 61],
        other => {
            return Err(format!(
                "no state `{other}`: fresh, few, full, paused, waiting, failing, live"
            ));
        }
    };
    let mut random = Stream::new(SEED, "dashboard example", state);
    let mut share = move || (random.bits() >> 11) as f64 / (1_u64 << 53) as f64;
    let face = StandardFace::default();
    let masks = EkmanMasks::new(MaskSet::Published, &face);
    for expression in Expression::SIX {
        let mask = masks.get(expression).expect("one of the six");
        board.set_heatmap(expression, heatmap(mask, &mut share).into());
    }
    let total: u64 = visits.iter().sum();
    for step in 0..300_u32 {
        board.update(|status| {
            status.visits = total;
            status.explanations = 3 * total;
            for (index, each) in status.expressions.iter_mut().enumerate() {
                each.visits = visits[index];
                each.explanations = 3 * visits[index];
                let known = each.visits >= MIN_VISITS;
                let end = [0.31, 0.19, 0.12, 0.52, 0.24, 0.33][index];
                let done = f64::from(step + 1) / 300.0;
                let iou = end * (1.0 - 0.5 * (-6.0 * done).exp()) + 0.02 * (share() - 0.5);
                let half = 0.02 + 0.12 / (1.0 + 8.0 * done);
                each.overlap =
                    known.then(|| overlap(iou, [0.21, 0.18, 0.14, 0.25, 0.2, 0.22][index]));
                each.iou_interval = known.then(|| [(iou - half).max(0.0), iou + half]);
            }
        });
        if total > 0 {
            board.remember(12.0 * f64::from(step));
        }
    }
    board.update(|status| {
        status.software += ", made-up numbers";
        status.uptime_seconds = if total > 0 { 3600.0 } else { 12.0 };
        status.source.uri = "/dev/video0".to_owned();
        status.source.size = Some([1280, 720]);
        status.source.state = SourceState::Running;
        status.source.frames = 30 * status.uptime_seconds as u64;
        status.source.dropped = status.source.frames / 3;
        status.source.frames_per_second = 19.7;
        status.samples = 150;
        status.resident_bytes = Some(187_400_000);
        status.stages = [("detect", 11.2, 14.9), ("place", 4.1, 5.0), ("classify", 3.3, 4.2), ("perceive", 20.4, 27.0), ("explain", 812.0, 1204.0)]
            .map(|(stage, median_ms, p95_ms)| StageTime { stage, median_ms, p95_ms })
            .to_vec();
        if total > 0 {
            status.faces = 2;
            status.explanations_per_minute = 31.5;
            status.refusals = Refusals { small: 1820, turned: 9411, blurred: 733, doubtful: 4102, neutral: 30551, busy: 12 };
            status.store.path = Some("kiosk-2026-11.sqlite".to_owned());
            status.store.state = StoreState::Kept;
            status.store.committed_explanations = status.explanations - 2;
        }
        status.source.problem = None;
        match state {
            "waiting" => {
                status.source.state = SourceState::Waiting;
                status.source.size = None;
                status.source.frames = 0;
                status.source.dropped = 0;
                status.source.frames_per_second = 0.0;
                status.source.uri = "rtsp://camera.local:554/entrance/with/a/rather/long/path/stream1".to_owned();
                status.source.problem = Some("the camera does not answer: connection refused".to_owned());
                status.stages.clear();
            }
            "paused" => status.notice = Some(
                "A camera looks at faces here and shows which parts a network uses. No picture is stored. Press Pause if you do not want it.".to_owned(),
            ),
            "failing" => {
                status.store.state = StoreState::Failing;
                status.store.problem = Some("database or disk is full".to_owned());
                status.restarts = 2;
            }
            _ => {}
        }
    });
    if state == "paused" {
        board.set_paused(true);
    }
    board.set_picture(Some(Arc::new(scene(0))));
    Ok(())
}

/// One more second of the state "live".
fn change(board: &Board, second: u32) {
    board.update(|status| {
        status.faces = second as usize % 3;
        status.explanations += 1;
        status.expressions[second as usize % 6].explanations += 1;
    });
    board.set_picture(Some(Arc::new(scene(second))));
}

fn overlap(iou: f64, chance: f64) -> Overlap {
    Overlap {
        iou,
        precision: 0.4,
        recall: 0.4,
        f1: 0.4,
        foreground_area: 9000.0,
        iou_all_white: chance,
        iou_random: 0.6 * chance,
        iou_other_masks: 0.8 * chance,
    }
}

/// Smooth spots, most of them within the mask.
fn heatmap(mask: &[bool], share: &mut impl FnMut() -> f64) -> Vec<f32> {
    let mut map = vec![0.0_f32; FACE_WIDTH * FACE_HEIGHT];
    let mut spots = 0;
    while spots < 14 {
        let (x, y) = (share() * FACE_WIDTH as f64, share() * FACE_HEIGHT as f64);
        let inside = mask[y as usize * FACE_WIDTH + x as usize];
        if !inside && spots % 4 != 3 {
            continue;
        }
        spots += 1;
        let (strength, width) = (0.3 + share(), 12.0 + 14.0 * share());
        for (place, value) in map.iter_mut().enumerate() {
            let (row, column) = ((place / FACE_WIDTH) as f64, (place % FACE_WIDTH) as f64);
            let distance = ((row - y).powi(2) + (column - x).powi(2)) / (2.0 * width * width);
            *value += (strength * (-distance).exp()) as f32;
        }
    }
    map
}

/// A round grey something in place of a person.
fn scene(second: u32) -> RgbImage {
    let (x0, y0) = (640.0 + f64::from(second % 10) * 20.0, 360.0);
    RgbImage::from_fn(1280, 720, |x, y| {
        let distance =
            ((f64::from(x) - x0) / 150.0).powi(2) + ((f64::from(y) - y0) / 200.0).powi(2);
        Rgb(if distance < 1.0 { [176, 160, 150] } else { [70, 84, (y / 6) as u8 + 60] })
    })
}
