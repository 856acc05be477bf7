//! Who may ask: whoever knows the token, or without one whoever is on this machine and no page of somebody else.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, StatusCode};
use sha2::{Digest, Sha256};

use super::reply::{self, Reply};

/// Characters.
pub const LEAST_TOKEN: usize = 16;
/// Characters.
pub const MOST_TOKEN: usize = 256;
/// A page of another origin cannot send it without asking, and is not answered.
const OURS: HeaderName = HeaderName::from_static("x-ferscope");
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SIGN_IN: &str = include_str!("sign_in.html");

/// Who may ask.
pub enum Access {
    /// Whoever is on this machine.
    ThisMachine,
    /// Whoever knows a token.
    Token { token: Hash, cookie: Cookie },
}

/// A secret to compare with: how long comparing takes tells of the hash, not of the secret.
pub struct Hash([u8; 32]);

impl Hash {
    fn of(secret: &[u8]) -> Self {
        Hash(Sha256::digest(secret).into())
    }

    fn is_of(&self, guess: &[u8]) -> bool {
        Hash::of(guess).0 == self.0
    }
}

/// What a browser keeps: not the token, but a value that only its owner gets.
pub struct Cookie {
    name: String,
    value: String,
    hash: Hash,
}

impl Access {
    /// Of whoever knows a token; `port` keeps the cookies of two servers of one machine apart. None when the token is too short, too
    /// long, or cannot stand in a header.
    pub fn by_token(token: &str, port: u16) -> Option<Self> {
        let token = token.trim();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
        if !(LEAST_TOKEN..=MOST_TOKEN).contains(&token.len()) || !token.chars().all(is_plain) {
            return None;
        }
        let digest = Sha256::digest(format!("cookie of the dashboard: {token}"));
        let value: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let cookie =
            Cookie { name: format!("ferscope-{port}"), hash: Hash::of(value.as_bytes()), value };
        Some(Access::Token { token: Hash::of(token.as_bytes()), cookie })
    }

    /// The answer to a request that may not be answered otherwise; none to one that may.
    pub fn refusal(&self, request: &Parts) -> Option<Reply> {
        let path = request.uri.path();
        let refused = match self {
            Access::ThisMachine => foreign_name(request),
            Access::Token { .. } if path == "/healthz" => None,
            Access::Token { token, cookie } => stranger(request, token, cookie),
        };
        refused.or_else(|| foreign_page(request))
    }
}

/// A name of this machine that somebody else's name server gives would let somebody else's page in (DNS rebinding).
fn foreign_name(request: &Parts) -> Option<Reply> {
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let is_ours = host.and_then(|host| host.parse().ok()).is_some_and(|host| is_loopback(&host))
        && hosts.next().is_none()
        && request.uri.authority().is_none_or(is_loopback);
    (!is_ours).then(|| {
        let reason = "without a token the dashboard answers to localhost, 127.0.0.1 and [::1] only";
        reply::failure(StatusCode::FORBIDDEN, reason)
    })
}

fn is_loopback(name: &Authority) -> bool {
    let host = name.host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    !name.as_str().contains('@')
        && (host.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.to_canonical().is_loopback()))
}

fn stranger(request: &Parts, token: &Hash, cookie: &Cookie) -> Option<Reply> {
    let is_door = request.uri.path() == "/" && request.method == Method::GET;
    if let Some(guess) = token_in_query(request).filter(|_| is_door) {
        return Some(match token.is_of(guess.as_bytes()) {
            true => sign_in(cookie),
            false => unauthorised(request),
        });
    }
    let knows = bearer(&request.headers).is_some_and(|guess| token.is_of(guess))
        || cookies(&request.headers, &cookie.name).any(|guess| cookie.hash.is_of(guess.as_bytes()));
    (!knows).then(|| unauthorised(request))
}

fn token_in_query(request: &Parts) -> Option<String> {
    let pairs = request.uri.query()?.split('&');
    pairs.filter_map(|pair| pair.strip_prefix("token=")).map(unescape).next()
}

/// Bytes that stand as `%2B`; what is no such escape stays.
fn unescape(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().as_bytes())
}

fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = pairs.flat_map(|value| value.split(';'));
    pairs.filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Away from the address that holds the token: it would stay in the browser's history.
fn sign_in(cookie: &Cookie) -> Reply {
    let text = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", cookie.name, cookie.value);
    let value = HeaderValue::from_str(&text).expect("name and value are plain characters");
    let reply = reply::text(StatusCode::SEE_OTHER, "welcome\n");
    let reply = reply::with_header(reply, header::LOCATION, HeaderValue::from_static("/"));
    reply::with_header(reply, header::SET_COOKIE, value)
}

fn unauthorised(request: &Parts) -> Reply {
    let status = StatusCode::UNAUTHORIZED;
    let reply = if request.uri.path() == "/" {
        reply::with_status(status, reply::content("text/html; charset=utf-8", SIGN_IN))
    } else {
        reply::failure(status, "the token is missing or wrong: send `Authorization: Bearer TOKEN`")
    };
    reply::with_header(reply, header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// Somebody else's page may lead here, but may not press our buttons nor load what we show.
fn foreign_page(request: &Parts) -> Option<Reply> {
    let headers = &request.headers;
    let is_elsewhere = |site: &HeaderValue| site != "same-origin" && site != "none";
    if request.uri.path() != "/" && headers.get(SITE).is_some_and(is_elsewhere) {
        let reason = "another page's requests are not answered";
        return Some(reply::failure(StatusCode::FORBIDDEN, reason));
    }
    if request.method != Method::POST {
        return None;
    }
    let is_ours = match headers.get(header::ORIGIN) {
        Some(origin) => is_origin(origin, headers.get(header::HOST)),
        None => headers.get(OURS).is_some_and(|value| value == "1"),
    };
    (!is_ours).then(|| {
        let reason = "only the dashboard's own page may ask this; programs send `X-Ferscope: 1`";
        reply::failure(StatusCode::FORBIDDEN, reason)
    })
}

/// Whether a page's origin is what it calls us. Behind a proxy it may have come over TLS.
fn is_origin(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let (Ok(origin), Some(Ok(host))) = (origin.to_str(), host.map(HeaderValue::to_str)) else {
        return false;
    };
    let parts = origin.split_once("://");
    parts.is_some_and(|(scheme, name)| {
        ["http", "https"].contains(&scheme) && name.eq_ignore_ascii_case(host)
    })
}
