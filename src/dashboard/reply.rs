//! Answers: what all of them say to a browser.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

/// Every answer is whole before it is sent.
pub type Reply = Response<Full<Bytes>>;

/// Nothing from elsewhere, nothing inside another page, nothing kept.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// An answer of a type.
pub fn content(kind: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// Text for people and probes.
pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    with_status(status, content("text/plain; charset=utf-8", text))
}

/// Anything as JSON.
pub fn json(value: &impl serde::Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => content("application/json", body),
        Err(problem) => failure(StatusCode::INTERNAL_SERVER_ERROR, &problem.to_string()),
    }
}

/// Why there is nothing else, as JSON: `{"error": "..."}`.
pub fn failure(status: StatusCode, reason: &str) -> Reply {
    let body = serde_json::json!({ "error": reason }).to_string();
    with_status(status, content("application/json", body))
}

/// The same with another status.
pub fn with_status(status: StatusCode, mut reply: Reply) -> Reply {
    *reply.status_mut() = status;
    reply
}

/// The same with one more header.
pub fn with_header(mut reply: Reply, name: HeaderName, value: HeaderValue) -> Reply {
    reply.headers_mut().insert(name, value);
    reply
}
