//! Live frames from real processes: what comes, and what happens when nothing does.
#![cfg(unix)]

mod common;

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ferscope::source::stream::{
    Capture, CaptureOptions, Frame, NextFrame, Source, SourceState, SourceStatus,
};
use image::{Rgb, RgbImage};

const PICTURE: &str = "-f lavfi -i testsrc=size=320x240:rate=50,format=yuv420p";

fn has_ffmpeg() -> bool {
    let found = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok();
    if !found {
        common::skip("ffmpeg (apt install ffmpeg)");
    }
    found
}

fn options() -> CaptureOptions {
    CaptureOptions { deadline: Duration::from_millis(700), ..CaptureOptions::default() }
}

fn start(source: &str, options: CaptureOptions) -> Capture {
    Capture::start(source.parse().unwrap(), options)
}

/// A frame within the time that a busy machine takes.
fn next(capture: &Capture) -> Frame {
    capture.next(Duration::from_secs(20)).unwrap_or_else(|e| panic!("{e}: {:?}", capture.status()))
}

/// Waits until the status is as wished; nothing may be late meanwhile.
fn wait_for(capture: &Capture, what: &str, wish: impl Fn(&SourceStatus) -> bool) -> SourceStatus {
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        let timeout = Duration::from_millis(50);
        if let Ok(frame) = capture.next(timeout) {
            capture.recycle(frame);
        }
        assert!(asked.elapsed() < 20 * timeout, "the caller was kept waiting");
        let status = capture.status();
        if wish(&status) {
            return status;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{what}: {status:?}");
    }
}

fn tells(words: &str) -> impl Fn(&SourceStatus) -> bool {
    move |status| status.problem.as_ref().is_some_and(|problem| problem.contains(words))
}

fn signal(name: &str, process: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), "--", process.trim()]).status();
    assert!(status.unwrap().success());
}

fn is_there(process: &str) -> bool {
    Path::new("/proc").join(process.trim()).exists()
}

/// A command that notes its process in `file`, then becomes another.
fn noted(file: &Path, command: &str) -> String {
    format!("exec:echo $$ > {}; exec {command}", file.display())
}

#[test]
fn a_command_gives_mjpeg_or_y4m() {
    if !has_ffmpeg() {
        return;
    }
    for format in
        ["-f mjpeg -q:v 2", "-f yuv4mpegpipe -pix_fmt yuv420p", "-f yuv4mpegpipe -pix_fmt yuv444p"]
    {
        let colour = "-re -f lavfi -i color=c=0x3060C0:size=322x240:rate=50";
        let capture = start(&format!("exec:ffmpeg -loglevel error {colour} {format} -"), options());
        let mut memory = HashSet::new();
        for _ in 0..30 {
            let frame = next(&capture);
            assert_eq!(frame.picture.dimensions(), (322, 240), "{format}");
            let Rgb(pixel) = *frame.picture.get_pixel(300, 239);
            for (value, expected) in pixel.into_iter().zip([0x30, 0x60, 0xC0]) {
                assert!(value.abs_diff(expected) < 6, "{format}: {pixel:?}");
            }
            memory.insert(frame.picture.as_ptr());
            capture.recycle(frame);
        }
        assert!(memory.len() <= 5, "{format}: buffers are used again");
        let status = capture.status();
        assert_eq!((status.state, status.reopened), (SourceState::Running, 0));
        assert_eq!(status.size, Some([322, 240]));
        assert!(status.frames_per_second > 5.0 && status.frames >= 30, "{status:?}");
    }
}

#[test]
fn what_is_killed_is_opened_again() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("process");
    let capture = start(
        &noted(&file, &format!("ffmpeg -loglevel error -re {PICTURE} -f mjpeg -")),
        options(),
    );
    let before = next(&capture).number;
    signal("KILL", &std::fs::read_to_string(&file).unwrap());
    let status = wait_for(&capture, "killed", |status| status.state == SourceState::Waiting);
    assert!(tells("signal: 9")(&status), "{status:?}");
    let after = next(&capture);
    assert!(after.number > before);
    wait_for(&capture, "runs again", |status| status.state == SourceState::Running);
    assert_eq!(capture.status().reopened, 1);
}

#[test]
fn what_is_frozen_is_killed_and_opened_again() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [shell, program] = ["shell", "program"].map(|name| folder.path().join(name));
    // A child of the shell, so that its whole group must go; it writes Y4M.
    let command = format!(
        "exec:echo $$ > {}; ffmpeg -loglevel error -re {PICTURE} -f yuv4mpegpipe - & echo $! > {}; wait",
        shell.display(),
        program.display()
    );
    let capture = start(&command, options());
    next(&capture);
    let processes = [&shell, &program].map(|file| std::fs::read_to_string(file).unwrap());
    for process in &processes {
        signal("STOP", process);
    }
    let status = wait_for(&capture, "given up", |status| status.state == SourceState::Waiting);
    assert!(tells("no frame for 0.7 s")(&status), "{status:?}");
    assert!(!is_there(&processes[0]), "killed and reaped");
    wait_for(&capture, "runs again", |status| status.state == SourceState::Running);
    assert_eq!(capture.status().reopened, 1);
    // Frozen once more, and nobody wants it any more.
    let process = std::fs::read_to_string(&shell).unwrap();
    assert_ne!(process, processes[0]);
    signal("STOP", &process);
    let began = Instant::now();
    drop(capture);
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    assert!(!is_there(&process), "killed and reaped");
}

#[test]
fn what_is_cut_in_a_frame_gives_whole_frames_only() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (format, ending) in [("mjpeg", "mjpeg"), ("yuv4mpegpipe", "y4m")] {
        let file = folder.path().join(ending);
        let made = Command::new("sh")
            .args(["-c", &format!("ffmpeg -loglevel error {PICTURE} -frames:v 3 -f {format} -")])
            .output()
            .unwrap();
        let half_a_frame_less = made.stdout.len() * 5 / 6;
        std::fs::write(&file, &made.stdout[..half_a_frame_less]).unwrap();
        let capture = start(&format!("exec:cat {}", file.display()), options());
        for number in 0..2 {
            assert_eq!(next(&capture).number, number);
        }
        let status = wait_for(&capture, "ended", |status| status.state == SourceState::Waiting);
        assert_eq!(status.frames, 2, "{format}");
        assert!(tells("it ended")(&status), "{status:?}");
        // The half is not joined with what comes after it.
        assert_eq!(next(&capture).picture.dimensions(), (320, 240));
    }
}

#[test]
fn garbage_is_given_up_and_told() {
    let capture = start("exec:yes nothing", options());
    wait_for(&capture, "much", tells("it must write MJPEG"));
    let slow = CaptureOptions { opening_deadline: Duration::from_millis(300), ..options() };
    let capture = start("exec:while :; do echo x; echo why >&2; sleep 0.02; done", slow);
    wait_for(&capture, "slow", tells("no frame for 0.3 s: why"));
}

#[test]
fn a_missing_command_is_tried_ever_more_rarely() {
    let capture = start("exec:no-such-command --password", options());
    let began = Instant::now();
    let status = wait_for(&capture, "tried", |status| status.reopened == 2);
    assert!(tells("not found")(&status), "{status:?}");
    assert!(began.elapsed() >= Duration::from_millis(1500), "0.5 s, then 1 s");
    assert_eq!(capture.next(Duration::ZERO).unwrap_err(), NextFrame::TimedOut);
}

#[test]
fn a_slow_taker_gets_new_frames() {
    if !has_ffmpeg() {
        return;
    }
    let capture =
        start(&format!("exec:ffmpeg -loglevel error -re {PICTURE} -f mjpeg -"), options());
    next(&capture);
    std::thread::sleep(Duration::from_secs(1));
    let frame = next(&capture);
    assert!(frame.number > 10 && capture.status().dropped > 10, "{:?}", capture.status());
    assert!(
        frame.captured.elapsed() < Duration::from_millis(500),
        "{:?}",
        frame.captured.elapsed()
    );
}

fn write_pictures(folder: &Path, count: u8) {
    for number in 0..count {
        let picture = RgbImage::from_pixel(32, 24, Rgb([10 * number; 3]));
        picture.save(folder.join(format!("{number}.png"))).unwrap();
    }
}

#[test]
fn pictures_of_a_folder_come_in_order_without_broken_ones() {
    let folder = tempfile::tempdir().unwrap();
    write_pictures(folder.path(), 9);
    std::fs::write(folder.path().join("4.png"), "no picture").unwrap();
    let source = folder.path().to_str().unwrap();
    let fast = CaptureOptions { frames_per_second: None, ..options() };

    let capture = start(source, fast.clone());
    for value in [0, 10, 20, 30, 50, 60, 70, 80] {
        // Nothing is dropped, however slow its taker is.
        std::thread::sleep(Duration::from_millis(20));
        let frame = next(&capture);
        assert_eq!(frame.picture.get_pixel(0, 0).0, [value; 3]);
        capture.recycle(frame);
    }
    assert_eq!(capture.next(Duration::from_secs(9)).unwrap_err(), NextFrame::Ended);
    let status = capture.status();
    assert!(tells("4.png")(&status), "{status:?}");
    assert_eq!((status.state, status.frames, status.dropped), (SourceState::Ended, 8, 0));

    let capture = start(source, CaptureOptions { repeat: true, ..fast });
    for number in 0..30 {
        assert_eq!(next(&capture).number, number);
    }
    assert_eq!(capture.status().reopened, 0, "its end is no failure");

    let paced = CaptureOptions { repeat: true, frames_per_second: Some(20.0), ..options() };
    let capture = start(&format!("{source}/3.png"), paced);
    let began = Instant::now();
    for _ in 0..11 {
        assert_eq!(next(&capture).picture.get_pixel(0, 0).0, [30; 3]);
    }
    assert!(began.elapsed() > Duration::from_millis(400), "{:?}", began.elapsed());
}

#[test]
fn what_is_not_there_yet_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    let capture = start(pictures.to_str().unwrap(), options());
    wait_for(&capture, "missing", tells("No such file"));
    std::fs::create_dir(&pictures).unwrap();
    wait_for(&capture, "empty", tells("holds no pictures"));
    write_pictures(&pictures, 1);
    assert_eq!(next(&capture).number, 0);
    assert!(start("/dev/null", options()).next(Duration::from_millis(200)).is_err());
}

#[test]
fn a_video_is_played_to_its_end() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // A name that ffmpeg would take for a protocol and an option.
    let video = folder.path().join("-a:b.avi");
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "lavfi", "-i"])
        .args(["color=c=0x3060C0:size=640x480:rate=25", "-frames:v", "20", "-c:v", "mpeg4"])
        .arg(format!("file:{}", video.display()))
        .status();
    assert!(made.unwrap().success());
    let source = video.to_str().unwrap();
    let frames = |options: CaptureOptions| {
        let capture = start(source, options);
        let mut frames = 0;
        loop {
            match capture.next(Duration::from_secs(20)) {
                Ok(frame) => {
                    let pixel = frame.picture.get_pixel(9, 9).0;
                    assert!(pixel[2].abs_diff(0xC0) < 6, "{pixel:?}");
                    frames += 1;
                    capture.recycle(frame);
                }
                Err(end) => {
                    assert_eq!(end, NextFrame::Ended);
                    let status = capture.status();
                    assert_eq!(status.problem, None);
                    return frames + status.dropped;
                }
            }
        }
    };
    assert_eq!(frames(CaptureOptions { frames_per_second: None, ..options() }), 20);
    let began = Instant::now();
    let slow = frames(CaptureOptions { frames_per_second: Some(5.0), ..options() });
    assert!((3..=6).contains(&slow), "{slow}");
    assert!(began.elapsed() > Duration::from_millis(500), "at its own pace");

    let broken = folder.path().join("broken.mp4");
    std::fs::write(&broken, "no video").unwrap();
    let capture = start(broken.to_str().unwrap(), options());
    let status = wait_for(&capture, "ended", |status| status.state == SourceState::Ended);
    assert!(tells("Invalid data")(&status), "{status:?}");
}

/// A child that is killed at the end of its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_network_stream_is_read_and_its_password_is_never_told() {
    if !has_ffmpeg() {
        return;
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("http://me:geheim@127.0.0.1:{free}/live?token=verborgen");
    let capture = start(&address, options());
    // Nobody listens yet.
    let status = wait_for(&capture, "refused", |status| status.problem.is_some());
    let text = format!("{status:?}");
    assert!(text.contains("refused") && text.contains("***"), "{text}");
    assert!(!text.contains("geheim") && !text.contains("verborgen"), "{text}");
    let serve = "-re -f lavfi -i testsrc=size=320x240:rate=25 -c:v mpeg2video -f mpegts -listen 1";
    let server = Command::new("ffmpeg")
        .args(["-loglevel", "error"])
        .args(serve.split(' '))
        .arg(format!("http://127.0.0.1:{free}/live"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _server = Server(server.unwrap());
    for _ in 0..5 {
        let frame = next(&capture);
        assert_eq!(frame.picture.dimensions(), (320, 240));
        capture.recycle(frame);
    }
}

/// Captures for [`in_another_process`], and prints how many frames came and what was wrong.
#[test]
#[ignore = "part of other tests"]
fn captures_in_another_process() {
    let Ok(source) = std::env::var("FERSCOPE_TEST_SOURCE") else { return };
    let capture = start(&source, options());
    let mut frames = 0;
    while let Ok(frame) = capture.next(Duration::from_secs(3)) {
        frames += 1;
        capture.recycle(frame);
    }
    let status = capture.status();
    let told = status.problem.unwrap_or_default();
    println!(
        "captured {} ({} dropped) {:?} {told}",
        frames + status.dropped,
        status.dropped,
        status.state
    );
}

fn in_another_process(source: &str, input: Stdio, path: Option<&Path>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "captures_in_another_process", "--nocapture"]);
    command.env("FERSCOPE_TEST_SOURCE", source).stdin(input);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[test]
fn standard_input_is_read_to_its_end() {
    if !has_ffmpeg() {
        return;
    }
    for (format, some_frames) in [("mjpeg", 40_000), ("yuv4mpegpipe", 300_000)] {
        let mut writer = Command::new("sh")
            // Slower than the deadline in between: standard input cannot be opened again, so it is waited for.
            .args(["-c", &format!("ffmpeg -loglevel error {PICTURE} -frames:v 8 -f {format} - | (head -c {some_frames}; sleep 1; cat)")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = in_another_process("-", writer.stdout.take().unwrap().into(), None);
        assert!(told.contains("captured 8 ") && told.contains("Ended"), "{format}: {told}");
        assert!(told.contains("no frame for 0.7 s"), "{format}: {told}");
        writer.wait().unwrap();
    }
}

#[test]
fn a_missing_ffmpeg_is_told_with_its_remedy() {
    let nothing = tempfile::tempdir().unwrap();
    let told = in_another_process("rtsp://127.0.0.1:9/", Stdio::null(), Some(nothing.path()));
    assert!(told.contains("apt install ffmpeg"), "{told}");
}

#[test]
fn captures_can_go_to_other_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Capture>();
    assert_eq!("demo".parse(), Ok(Source::Demo));
}
