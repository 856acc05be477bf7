//! What is where.

use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;

use super::access::Access;
use super::pictures::Pictures;
use super::reply::{self, Reply};
use super::{health, metrics};
use crate::appliance::{Board, HistoryPoint, Status};
use crate::expression::Expression;

/// Bytes; nothing that is asked needs any.
const LARGEST_BODY: usize = 1 << 10;

/// Everything that is served.
pub struct Site {
    board: Arc<Board>,
    access: Access,
    pictures: Pictures,
}

/// The state as the page reads it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    status: &'a Status,
    frame_age_seconds: f64,
    /// What `/healthz` says when it is not "ok".
    problem: Option<String>,
    shows_picture: bool,
    has_picture: bool,
}

impl Site {
    /// A site that shows `board` to whom `access` lets in.
    pub fn new(board: Arc<Board>, access: Access) -> Self {
        let pictures = Pictures::new(board.status().masks);
        Site { board, access, pictures }
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request<Incoming>) -> Reply {
        let (request, body) = request.into_parts();
        if let Some(refusal) = self.access.refusal(&request) {
            return refusal;
        }
        let path = request.uri.path();
        let is_button = path == "/api/pause" || path == "/api/resume";
        let allowed: &[Method] =
            if is_button { &[Method::POST] } else { &[Method::GET, Method::HEAD] };
        if !allowed.contains(&request.method) {
            let names = if is_button { "POST" } else { "GET, HEAD" };
            let reply =
                reply::failure(StatusCode::METHOD_NOT_ALLOWED, &format!("only {names} here"));
            return reply::with_header(reply, header::ALLOW, HeaderValue::from_static(names));
        }
        if Limited::new(body, LARGEST_BODY).collect().await.is_err() {
            let reply = reply::failure(StatusCode::PAYLOAD_TOO_LARGE, "send no more than 1 KiB");
            return reply::with_header(
                reply,
                header::CONNECTION,
                HeaderValue::from_static("close"),
            );
        }
        if is_button { self.press(path == "/api/pause") } else { self.show(path) }
    }

    fn press(&self, pause: bool) -> Reply {
        self.board.set_paused(pause);
        reply::json(&serde_json::json!({ "paused": pause }))
    }

    fn show(&self, path: &str) -> Reply {
        let board = &self.board;
        match path {
            "/" => reply::content("text/html; charset=utf-8", include_str!("page.html")),
            "/page.js" => reply::content("text/javascript; charset=utf-8", include_str!("page.js")),
            "/page.css" => reply::content("text/css; charset=utf-8", include_str!("page.css")),
            "/icon.svg" => reply::content("image/svg+xml", include_str!("icon.svg")),
            "/api/status" => {
                let status = board.status();
                let frame_age = board.frame_age();
                reply::json(&Shown {
                    problem: health::problem(&status, frame_age),
                    frame_age_seconds: frame_age.as_secs_f64(),
                    shows_picture: board.shows_picture(),
                    has_picture: board.picture().is_some(),
                    status: &status,
                })
            }
            "/api/history" => {
                let history: Vec<HistoryPoint> =
                    board.history().into_iter().map(shortened).collect();
                reply::json(&history)
            }
            "/api/picture.jpg" => match board.picture() {
                Some(picture) => self.pictures.picture(&picture),
                // No failure: somebody paused, or the first frame is not there yet.
                None if board.shows_picture() => reply::text(StatusCode::NO_CONTENT, ""),
                None => missing("the camera's picture is not shown: nobody asked for it"),
            },
            "/metrics" => {
                reply::content(metrics::KIND, metrics::text(&board.status(), board.frame_age()))
            }
            "/healthz" => match health::problem(&board.status(), board.frame_age()) {
                None => reply::text(StatusCode::OK, "ok\n"),
                Some(problem) => {
                    reply::text(StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n"))
                }
            },
            _ => self.heatmap(path).unwrap_or_else(|| missing("there is nothing here")),
        }
    }

    fn heatmap(&self, path: &str) -> Option<Reply> {
        let (name, kind) = path.strip_prefix("/api/heatmaps/")?.split_once('.')?;
        let expression = Expression::SIX.into_iter().find(|each| each.name() == name)?;
        let draw = match kind {
            "png" => Pictures::heatmap,
            "npy" => Pictures::numbers,
            _ => return None,
        };
        Some(match self.board.heatmap(expression) {
            Some(heatmap) => draw(&self.pictures, expression, &heatmap),
            None => missing(&self.why_no_heatmap(expression)),
        })
    }

    fn why_no_heatmap(&self, expression: Expression) -> String {
        let status = self.board.status();
        let visits = status.expressions.iter().find(|each| each.expression == expression);
        match visits.map_or(0, |each| each.visits) {
            visits if visits < status.min_visits => {
                format!(
                    "a heatmap of {expression} needs {} visits, has {visits}",
                    status.min_visits
                )
            }
            _ => format!("the heatmap of {expression} is not made yet"),
        }
    }
}

fn missing(reason: &str) -> Reply {
    reply::failure(StatusCode::NOT_FOUND, reason)
}

/// As many digits as a drawing shows: twelve thousand numbers are asked for again and again.
fn shortened(point: HistoryPoint) -> HistoryPoint {
    let round = |value: f64| (value * 1e4).round() / 1e4;
    HistoryPoint {
        uptime_seconds: (point.uptime_seconds * 10.0).round() / 10.0,
        iou: point.iou.into_iter().map(|iou| iou.map(|iou| iou.map(round))).collect(),
    }
}
