//! The dashboard as a client meets it: what is where, who may ask, and what nobody can do to it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferscope::appliance::{Board, StageTime, Status, StoreState};
use ferscope::compare::{MaskSet, Overlap};
use ferscope::dashboard::{Dashboard, DashboardError, serve};
use ferscope::expression::Expression;
use ferscope::source::stream::SourceState;
use ferscope::standard_face::FACE_PIXELS;
use image::RgbImage;
use serde_json::Value;

mod common;

const TOKEN: &str = "0123456789abcdef+/=";
const AT_ONCE: usize = 32;

/// Happiness is published, anger has 7 of 20 visits, fear's heatmap is not made yet.
fn board(shows_picture: bool) -> Arc<Board> {
    let board = Board::new(Status::new("a \"network\"", MaskSet::Published, 20), shows_picture);
    board.set_heatmap(Expression::Anger, vec![0.5; FACE_PIXELS].into());
    let heatmap: Vec<f32> = (0..FACE_PIXELS).map(|pixel| (pixel % 251) as f32).collect();
    board.set_heatmap(Expression::Happiness, heatmap.into());
    board.update(|status| {
        status.source.state = SourceState::Running;
        status.source.frames = 1;
        status.expressions[0].visits = 7;
        status.expressions[2].visits = 20;
        status.expressions[3].visits = 44;
        let overlap = Overlap {
            iou: 0.5,
            precision: 0.6,
            recall: 0.6,
            f1: 0.6,
            foreground_area: 9.0,
            iou_all_white: 0.25,
            iou_random: 0.1,
            iou_other_masks: 0.2,
        };
        status.expressions[3].overlap = Some(overlap);
        status.expressions[3].iou_interval = Some([0.4, 0.6]);
        status.stages = vec![StageTime { stage: "detect", median_ms: 12.5, p95_ms: 20.0 }];
        status.resident_bytes = Some(1_000_000);
    });
    board.remember(1.0);
    Arc::new(board)
}

fn serve_with(board: Arc<Board>, token: Option<&str>) -> Dashboard {
    serve("127.0.0.1:0".parse().unwrap(), board, token).unwrap()
}

fn open() -> (Dashboard, Arc<Board>) {
    let board = board(false);
    (serve_with(board.clone(), None), board)
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, text)| text.trim())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set(&stream, Some(Duration::from_secs(20))).unwrap();
    }
    stream
}

/// All that comes until the server ends the connection.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut part) = (Vec::new(), [0; 1 << 16]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => return bytes,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return bytes,
            Err(error) => panic!("the server neither answers nor ends: {error}"),
        }
    }
}

fn send(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = connect(address);
    // Whom the server refuses early cannot send everything.
    let _ = stream.write_all(bytes);
    let answer = rest(&mut stream);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head, body: answer[end + 4..].to_vec() })
}

/// `what`: method, path and further lines.
fn ask_with(address: SocketAddr, method: &str, path: &str, lines: &[&str]) -> Answer {
    let host = format!("Host: {address}");
    let host = if lines.iter().any(|line| line.starts_with("Host:")) { None } else { Some(host) };
    let lines: Vec<&str> = host.as_deref().into_iter().chain(lines.iter().copied()).collect();
    let request =
        format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{}\r\n\r\n", lines.join("\r\n"));
    send(address, request.as_bytes()).expect("an answer")
}

fn get(address: SocketAddr, path: &str) -> Answer {
    ask_with(address, "GET", path, &[])
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let (dashboard, _) = open();
    let at = dashboard.address();
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/?whatever", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = get(at, path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        let text = answer.text().replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("://"), "{path} is of this server alone");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        assert!(!policy.contains("unsafe"));
    }
    let head = ask_with(at, "HEAD", "/", &[]);
    assert!(head.status == 200 && head.body.is_empty());
}

#[test]
fn status_and_history_are_json() {
    let (dashboard, board) = open();
    let status = get(dashboard.address(), "/api/status").json();
    assert_eq!(status["network"], "a \"network\"");
    assert_eq!(status["expressions"][3]["overlap"]["iou"], 0.5);
    assert_eq!(status["expressions"][0]["overlap"], Value::Null);
    assert_eq!(status["source"]["state"], "running");
    assert_eq!(status["shows_picture"], false);
    assert_eq!(status["has_picture"], false);
    assert_eq!(status["problem"], Value::Null);
    assert!(status["frame_age_seconds"].as_f64().unwrap() < 10.0);
    board.update(|status| status.notice = Some("<b>".to_owned()));
    assert_eq!(get(dashboard.address(), "/api/status").json()["notice"], "<b>");
    let history = get(dashboard.address(), "/api/history").json();
    assert_eq!(
        history[0]["iou"],
        serde_json::json!([null, null, null, [0.5, 0.4, 0.6, 0.25], null, null])
    );
}

#[test]
fn heatmaps_come_as_pictures_and_numbers_once_there_are_enough_visits() {
    let (dashboard, board) = open();
    let at = dashboard.address();
    let png = get(at, "/api/heatmaps/happiness.png?44-100");
    assert_eq!((png.status, png.header("content-type")), (200, Some("image/png")));
    let picture = image::load_from_memory(&png.body).unwrap();
    assert_eq!((picture.width(), picture.height()), (448, 606));
    assert_eq!(get(at, "/api/heatmaps/happiness.png").body, png.body, "the drawing is kept");
    board.set_heatmap(Expression::Happiness, vec![0.5; FACE_PIXELS].into());
    assert_ne!(get(at, "/api/heatmaps/happiness.png").body, png.body, "not for too long");

    let npy = get(at, "/api/heatmaps/happiness.npy").body;
    let array: ndarray::Array2<f32> = ndarray_npy::ReadNpyExt::read_npy(&npy[..]).unwrap();
    assert_eq!(array.dim(), (275, 224));
    assert!(array.iter().all(|&value| value == 0.5));

    for (path, reason) in [
        ("/api/heatmaps/anger.png", "a heatmap of anger needs 20 visits, has 7"),
        ("/api/heatmaps/anger.npy", "a heatmap of anger needs 20 visits, has 7"),
        ("/api/heatmaps/fear.png", "the heatmap of fear is not made yet"),
        ("/api/heatmaps/neutral.png", "there is nothing here"),
        ("/api/heatmaps/happiness.gif", "there is nothing here"),
        ("/api/heatmaps/../status", "there is nothing here"),
        ("/api/heatmaps/", "there is nothing here"),
        ("/page.html", "there is nothing here"),
        ("//", "there is nothing here"),
    ] {
        let answer = get(at, path);
        assert_eq!((answer.status, &answer.json()["error"]), (404, &Value::from(reason)), "{path}");
    }
}

#[test]
fn the_picture_is_there_only_when_it_is_shown() {
    let (dashboard, _) = open();
    let answer = get(dashboard.address(), "/api/picture.jpg");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("nobody asked for it"));

    let board = board(true);
    let dashboard = serve_with(board.clone(), None);
    assert_eq!(get(dashboard.address(), "/api/picture.jpg").status, 204, "no frame yet");
    board.set_picture(Some(Arc::new(RgbImage::new(1280, 720))));
    let answer = get(dashboard.address(), "/api/picture.jpg");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/jpeg")));
    let picture = image::load_from_memory(&answer.body).unwrap();
    assert_eq!((picture.width(), picture.height()), (640, 360));
    for (width, height) in [(1, 1), (1, 4000), (4000, 1)] {
        board.set_picture(Some(Arc::new(RgbImage::new(width, height))));
        assert_eq!(get(dashboard.address(), "/api/picture.jpg").status, 200);
    }
    board.set_paused(true);
    assert_eq!(get(dashboard.address(), "/api/picture.jpg").status, 204, "nobody is looked at");
}

#[test]
fn only_the_page_itself_and_programs_that_say_so_press_its_buttons() {
    let (dashboard, board) = open();
    let at = dashboard.address();
    let ours = format!("Origin: http://{at}");
    for (method, lines, status) in [
        ("POST", vec!["X-Ferscope: 1"], 200),
        ("POST", vec![ours.as_str()], 200),
        ("POST", vec!["Host: localhost:1", "Origin: http://LOCALHOST:1"], 200),
        ("POST", vec![ours.as_str(), "Sec-Fetch-Site: same-origin"], 200),
        ("POST", vec![], 403),
        ("POST", vec!["X-Ferscope: 0"], 403),
        ("POST", vec!["Origin: http://elsewhere.example", "X-Ferscope: 1"], 403),
        ("POST", vec!["Origin: null", "X-Ferscope: 1"], 403),
        ("POST", vec!["Origin: http://127.0.0.1:1", "X-Ferscope: 1"], 403),
        ("POST", vec!["X-Ferscope: 1", "Sec-Fetch-Site: cross-site"], 403),
        ("GET", vec!["X-Ferscope: 1"], 405),
        ("PUT", vec!["X-Ferscope: 1"], 405),
        ("OPTIONS", vec!["Origin: http://elsewhere.example"], 405),
    ] {
        board.set_paused(false);
        let answer = ask_with(at, method, "/api/pause", &lines);
        assert_eq!(answer.status, status, "{method} {lines:?}");
        assert_eq!(board.is_paused(), status == 200, "{method} {lines:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(ask_with(at, "POST", "/api/status", &["X-Ferscope: 1"]).status, 405);
    board.set_paused(true);
    let answer = ask_with(at, "POST", "/api/resume", &["X-Ferscope: 1"]);
    assert_eq!(answer.json()["paused"], false);
    assert!(!board.is_paused());
}

#[test]
fn without_a_token_only_names_of_this_machine_are_answered_to() {
    let (dashboard, _) = open();
    let at = dashboard.address();
    for (host, status) in [
        ("localhost", 200),
        ("LOCALHOST:9", 200),
        ("127.0.0.1:80", 200),
        ("127.9.9.9", 200),
        ("[::1]:8080", 200),
        ("elsewhere.example", 403),
        ("localhost.elsewhere.example", 403),
        ("127.0.0.1.elsewhere.example", 403),
        ("somebody@localhost", 403),
        ("10.0.0.1", 403),
        ("0.0.0.0", 403),
        ("", 403),
        ("localhost:80:80", 403),
        ("local host", 403),
    ] {
        for path in ["/api/status", "/healthz", "/"] {
            let answer = ask_with(at, "GET", path, &[&format!("Host: {host}")]);
            assert_eq!(answer.status, status, "{host:?} {path}");
        }
    }
    let answer = ask_with(at, "GET", "/", &["Host: localhost", "Host: elsewhere.example"]);
    assert!(answer.status >= 400, "two names");
    let answer = ask_with(at, "GET", "http://elsewhere.example/", &["Host: localhost"]);
    assert_eq!(answer.status, 403);
    assert_eq!(send(at, b"GET / HTTP/1.0\r\n\r\n").unwrap().status, 403);
    let answer = ask_with(at, "GET", "/api/status", &["Sec-Fetch-Site: cross-site"]);
    assert_eq!(answer.status, 403);
}

#[test]
fn with_a_token_everything_but_the_health_wants_it() {
    let dashboard = serve_with(board(false), Some(&format!(" {TOKEN}\n")));
    let at = dashboard.address();
    assert_eq!(ask_with(at, "GET", "/healthz", &["Host: elsewhere.example"]).status, 200);
    for path in [
        "/",
        "/page.js",
        "/api/status",
        "/api/heatmaps/happiness.png",
        "/metrics",
        "/no",
        "/?token=",
    ] {
        for lines in [
            vec![],
            vec!["Authorization: Bearer 0123456789abcdef+/"],
            vec!["Authorization: Basic x"],
            vec!["Cookie: ferscope=1"],
        ] {
            let answer = ask_with(at, "GET", path, &lines);
            assert_eq!(answer.status, 401, "{path} {lines:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    let bearer = format!("Authorization: bearer {TOKEN}");
    assert_eq!(ask_with(at, "GET", "/metrics", &[&bearer, "Host: robot.example"]).status, 200);
    assert_eq!(ask_with(at, "POST", "/api/pause", &[&bearer]).status, 403);
    assert_eq!(ask_with(at, "POST", "/api/pause", &[&bearer, "X-Ferscope: 1"]).status, 200);
    assert_eq!(ask_with(at, "POST", "/api/pause", &["X-Ferscope: 1"]).status, 401);

    for path in [format!("/?token={TOKEN}"), "/?a=b&token=0123456789abcdef%2B%2f%3D".to_owned()] {
        let answer = get(at, &path);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{path}");
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        assert!(!cookie.contains("0123456789abcdef"), "the token is not kept by the browser");
        let cookie = format!("Cookie: a=b; {}", cookie.split(';').next().unwrap());
        assert_eq!(ask_with(at, "GET", "/", &[&cookie]).status, 200);
        assert_eq!(ask_with(at, "GET", "/?token=wrong", &[&cookie]).status, 401);
        let other = serve_with(board(false), Some("another-token-of-it"));
        assert_eq!(ask_with(other.address(), "GET", "/", &[&cookie]).status, 401);
    }
    assert_eq!(get(at, &format!("/api/status?token={TOKEN}")).status, 401, "only at the door");
}

#[test]
fn what_cannot_be_served_is_refused_with_what_to_do() {
    let refusal = |address: &str, token: Option<&str>| {
        serve(address.parse().unwrap(), board(false), token).unwrap_err()
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let error = refusal(address, None);
        assert!(matches!(error, DashboardError::TokenNeeded(_)), "{error}");
        assert!(error.to_string().contains("--token-file"));
    }
    for token in ["", "short", "with blanks within it", "ünlautsareletters", &"x".repeat(257)] {
        assert!(matches!(refusal("127.0.0.1:0", Some(token)), DashboardError::Token), "{token}");
    }
    let (dashboard, _) = open();
    let error = refusal(&dashboard.address().to_string(), None);
    assert!(matches!(error, DashboardError::InUse(_)), "{error}");
    let error = refusal("192.0.2.1:80", Some(TOKEN));
    assert!(error.to_string().starts_with("192.0.2.1:80 cannot be listened on"), "{error}");
}

#[test]
fn the_health_tells_what_is_wrong() {
    let (dashboard, board) = open();
    let at = dashboard.address();
    let health = || {
        let answer = get(at, "/healthz");
        (answer.status, answer.text().trim().to_owned())
    };
    assert_eq!(health(), (200, "ok".to_owned()));
    board.update(|status| status.source.state = SourceState::Waiting);
    assert_eq!(health(), (503, "waiting for the camera".to_owned()));
    board.update(|status| status.source.state = SourceState::Ended);
    assert_eq!(health().0, 200);
    board.update(|status| {
        status.store.state = StoreState::Failing;
        status.store.problem = Some("/secret/path".to_owned());
    });
    let (status, reason) = health();
    assert!(status == 503 && reason.contains("cannot be written") && !reason.contains("secret"));
    let shown = get(at, "/api/status").json();
    assert_eq!(shown["problem"], reason.as_str());
    board.update(|status| {
        status.store.state = StoreState::Kept;
        status.source.state = SourceState::Running;
    });
    let begin = Instant::now();
    while health().0 == 200 {
        assert!(begin.elapsed() < Duration::from_secs(15), "old frames are not noticed");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(health().1.starts_with("no frame for"), "{}", health().1);
    board.set_paused(true);
    assert_eq!(health().0, 200, "who pauses needs no frames");
    board.set_paused(false);
    board.update(|status| status.source.frames += 1);
    assert_eq!(health().0, 200);
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let (dashboard, board) = open();
    board.update(|status| status.network = "a\\b\"c\nd".to_owned());
    let answer = get(dashboard.address(), "/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    for line in [
        "ferscope_expression_visits_total{expression=\"happiness\"} 44",
        "ferscope_iou_ratio{expression=\"happiness\"} 0.5",
        "ferscope_iou_chance_ratio{expression=\"happiness\"} 0.25",
        "ferscope_stage_median_seconds{stage=\"detect\"} 0.0125",
        "ferscope_resident_memory_bytes 1000000",
        "ferscope_source_state{state=\"running\"} 1",
    ] {
        assert!(text.lines().any(|each| each == line), "{line} in\n{text}");
    }
    assert!(text.contains(r#"network="a\\b\"c\nd""#), "{text}");
    check_format(text);

    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = checked else { return common::skip("promtool") };
    promtool.stdin.take().unwrap().write_all(&answer.body).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Every metric has a help and a type before its values, stands in one piece, and no value is there twice.
fn check_format(text: &str) {
    assert!(text.ends_with('\n'));
    let (mut metric, mut seen) = ("", std::collections::BTreeSet::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            let kind = lines.next().unwrap().strip_prefix("# TYPE ").unwrap();
            let kind = kind.strip_prefix(name).unwrap().trim();
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            assert!(kind == "counter" || kind == "gauge");
            assert!(name.starts_with("ferscope_") && !words.is_empty());
            assert!(seen.insert(name), "{name} comes twice");
            metric = name;
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert_eq!(series.split('{').next().unwrap(), metric);
        assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
        assert!(seen.insert(series) || !series.contains('{'), "{series} comes twice");
    }
}

#[test]
fn too_much_is_refused_and_garbage_harms_nobody() {
    let (dashboard, board) = open();
    let at = dashboard.address();
    let large = format!("X-Large: {}", "x".repeat(20 << 10));
    let answer =
        send(at, format!("GET / HTTP/1.1\r\nHost: localhost\r\n{large}\r\n\r\n").as_bytes());
    assert!(answer.is_none_or(|answer| [400, 431].contains(&answer.status)), "large headers");
    let many = "X: 1\r\n".repeat(200);
    let answer = send(at, format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes());
    assert!(answer.is_none_or(|answer| [400, 431].contains(&answer.status)), "many headers");

    let post = "POST /api/pause HTTP/1.1\r\nHost: localhost\r\nX-Ferscope: 1\r\n";
    for body in [
        format!("Content-Length: 5000\r\n\r\n{}", "x".repeat(5000)),
        format!("Transfer-Encoding: chunked\r\n\r\n1388\r\n{}\r\n0\r\n\r\n", "x".repeat(5000)),
    ] {
        let answer = send(at, format!("{post}{body}").as_bytes());
        assert!(answer.is_none_or(|answer| answer.status == 413));
        assert!(!board.is_paused(), "too large a body");
    }
    let small = format!("{post}Connection: close\r\nContent-Length: 4\r\n\r\nabcd");
    assert_eq!(send(at, small.as_bytes()).unwrap().status, 200);

    let mut random = ferscope::random::Stream::new(3, "garbage", "dashboard");
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: \xff\xfe\r\nY\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /%00%ff%zz?token=%&&=%e HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ] {
        let answer = send(at, garbage);
        assert!(answer.is_none_or(|answer| answer.status >= 400), "{}", garbage.escape_ascii());
    }
    for _ in 0..50 {
        let bytes: Vec<u8> = (0..200).map(|_| random.bits() as u8).chain(*b"\r\n\r\n").collect();
        let answer = send(at, &bytes);
        assert!(answer.is_none_or(|answer| answer.status >= 400));
    }
    assert_eq!(get(at, "/healthz").status, 200);
}

#[test]
fn who_is_slow_or_does_not_read_loses_the_place() {
    let (dashboard, _) = open();
    let at = dashboard.address();
    // Half of them send half a request, the others ask for more than they read.
    let mut crowd: Vec<TcpStream> = (0..AT_ONCE).map(|_| connect(at)).collect();
    for (number, client) in crowd.iter_mut().enumerate() {
        if number % 2 == 0 {
            client.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
        } else {
            client.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
            let request = b"GET /api/heatmaps/happiness.npy HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let _ = client.write_all(&request.repeat(400));
        }
    }
    let begin = Instant::now();
    let refused = send(at, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a refusal");
    assert_eq!(
        (refused.status, refused.text()),
        (503, "too many connections; try again shortly\n")
    );
    assert!(begin.elapsed() < Duration::from_secs(1), "refused quickly");

    // The slow ones go after some seconds, whoever does not read a little later.
    while get(at, "/icon.svg").status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(9));
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_secs(14).saturating_sub(begin.elapsed()));
    let mut room: Vec<TcpStream> = (0..AT_ONCE).map(|_| connect(at)).collect();
    for client in &mut room {
        client
            .write_all(b"GET /icon.svg HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let answer = rest(client);
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "everybody has left: {}",
            answer.escape_ascii()
        );
    }
    for client in &mut crowd {
        rest(client);
    }
}

#[test]
fn a_body_that_never_comes_is_not_waited_for() {
    let (dashboard, board) = open();
    let mut client = connect(dashboard.address());
    let head =
        "POST /api/pause HTTP/1.1\r\nHost: localhost\r\nX-Ferscope: 1\r\nContent-Length: 9\r\n\r\n";
    client.write_all(head.as_bytes()).unwrap();
    rest(&mut client);
    assert!(!board.is_paused());
}

#[test]
fn it_stops_at_once_whatever_its_clients_do_and_gives_the_address_back() {
    let (dashboard, board) = open();
    let at = dashboard.address();
    let mut clients: Vec<TcpStream> = (0..4).map(|_| connect(at)).collect();
    for client in &mut clients {
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    }
    assert_eq!(get(at, "/").status, 200);
    let begin = Instant::now();
    drop(dashboard);
    assert!(begin.elapsed() < Duration::from_millis(500));
    assert!(TcpStream::connect(at).is_err());
    let again = serve(at, board, None).expect("the address is free again");
    assert_eq!(get(again.address(), "/").status, 200);
}
