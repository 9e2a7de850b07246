//! The tool `http`: one request, and what came back.

mod after;

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use domain::BoxFuture;
use domain::tool::{Call, Class, Contract, Effect, Failure, Media, Output};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Method, Response, StatusCode, Url};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::keep::Kept;

const NAME: &str = "http";

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
/// How often a request that only reads is sent on to another address.
const REDIRECTS_MAX: usize = 5;
/// How long reaching a server may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// What later steps may need of an answer's head.
const HEADERS_SHOWN: [&str; 6] =
    ["content-type", "content-length", "etag", "last-modified", "location", "retry-after"];
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What the request itself decides.
const HEADERS_OURS: [&str; 4] = ["host", "content-length", "transfer-encoding", "idempotency-key"];

#[derive(Debug, Deserialize)]
struct Arguments {
    #[serde(default)]
    method: Option<String>,
    url: String,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<String>,
    /// `null` is JSON as well.
    #[serde(default, deserialize_with = "present")]
    json: Option<Value>,
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

pub(crate) fn contract() -> Contract {
    let about = "Sends one HTTP request and brings the answer: status, headers, body.";
    let arguments = json!({
        "type": "object",
        "properties": {
            "method": { "enum": METHODS, "description": "GET if nothing else is said" },
            "url": {
                "type": "string",
                "description": "where to, as `http://HOST/…` or `https://HOST/…`",
            },
            "headers": {
                "type": "object",
                "additionalProperties": { "type": "string" },
                "description": "headers of the request, by name",
            },
            "body": { "type": "string", "description": "what is sent, of at most 1 MiB" },
            "json": { "description": "what is sent as JSON, instead of `body`" },
        },
        "required": ["url"],
        "additionalProperties": false,
    });
    Contract { name: NAME, about, arguments, effect: Effect::Unsafe, lane: NAME, is_far: true }
}

/// What the schema cannot say.
pub(crate) fn faults(args: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(text) = args["url"].as_str() {
        faults.extend(url_fault(text));
    }
    for (name, value) in args["headers"].as_object().into_iter().flatten() {
        faults.extend(header_fault(name, value));
    }
    if args.get("body").is_some() && args.get("json").is_some() {
        faults.push("args has both `body` and `json`: leave one out".to_owned());
    }
    let bytes = args["body"].as_str().map_or(0, str::len);
    if BODY_BYTES_MAX < bytes {
        let place = format!("args.body has {bytes} bytes, and {BODY_BYTES_MAX} is the most");
        faults.push(format!("{place}: send it in parts, or as a file by `shell`"));
    }
    faults
}

fn url_fault(text: &str) -> Option<String> {
    let instead = "write `http://HOST/…` or `https://HOST/…`";
    match Url::parse(text) {
        Ok(url) if !["http", "https"].contains(&url.scheme()) => {
            Some(format!("args.url has the scheme `{}`: {instead}", url.scheme()))
        }
        Ok(_) => None,
        // Without the text, which may have a password in it.
        Err(error) => Some(format!("args.url cannot be read ({error}): {instead}")),
    }
}

fn header_fault(name: &str, value: &Value) -> Option<String> {
    if HEADERS_OURS.contains(&name.to_ascii_lowercase().as_str()) {
        return Some(format!("args.headers.{name} is set by the tool itself: leave it out"));
    }
    if HeaderName::try_from(name).is_err() {
        let instead = "write letters, digits and `-`";
        return Some(format!("args.headers.{name} is no name of a header: {instead}"));
    }
    let fits = value.as_str().is_none_or(|value| HeaderValue::try_from(value).is_ok());
    let instead = "write it in one line, without control characters";
    (!fits).then(|| format!("args.headers.{name} has a value that no header can have: {instead}"))
}

/// How servers are reached. It keeps no connection: each call makes its own, so that what is known
/// of one says nothing about another.
#[derive(Clone)]
pub(crate) struct Client {
    tls: ClientConfig,
}

impl Client {
    /// Trusts the certificate authorities that browsers trust.
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls })
    }

    /// For one call. A connection that is not made within nine tenths of its time was not made, so
    /// that a late one can be told from a late answer.
    fn for_call(self, redirects: Policy, within: Duration) -> reqwest::Result<reqwest::Client> {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls)
            .no_proxy()
            .redirect(redirects)
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_MAX.min(within.mul_f32(0.9)))
            .user_agent(concat!("lares/", env!("CARGO_PKG_VERSION")))
            .build()
    }
}

/// Performs a call without faults. Whatever ends it closes its connection.
pub(crate) async fn perform(
    client: Client,
    call: Call,
    stop: BoxFuture<'static, ()>,
) -> Result<Output, Failure> {
    let within = call.within;
    let exchange = Exchange::new(client, call)?;
    let place = exchange.place.clone();
    tokio::select! {
        biased;
        ended = exchange.perform() => ended,
        () = stop => {
            let story = format!(
                "the request to {place} was stopped because somebody asked for it: the server may \
                 have acted on it"
            );
            Err(failure(Class::Stopped, story))
        }
        () = tokio::time::sleep(within) => {
            let story = format!(
                "{place} had not answered in full at the deadline: look there whether it has \
                 acted on the request, or give it more time"
            );
            Err(failure(Class::Unknown, story))
        }
    }
}

/// One request, ready to be sent.
struct Exchange {
    request: reqwest::RequestBuilder,
    /// Where it goes, without what may be secret.
    place: String,
    /// It asks for nothing to be done.
    is_look: bool,
}

impl Exchange {
    fn new(client: Client, call: Call) -> Result<Self, Failure> {
        let refused = |error: &dyn std::fmt::Display| {
            failure(Class::Refused, format!("the request cannot be made: {error}"))
        };
        let arguments: Arguments =
            serde_json::from_value(call.args).map_err(|error| refused(&error))?;
        let url = Url::parse(&arguments.url).map_err(|error| refused(&error))?;
        let method = arguments.method.as_deref().unwrap_or("GET").parse::<Method>();
        let method = method.map_err(|error| refused(&error))?;
        let is_look = [Method::GET, Method::HEAD].contains(&method);
        let redirects = redirects(&method, !arguments.headers.is_empty());
        let client = client.for_call(redirects, call.within);
        let client = client.map_err(|error| refused(&error.without_url()))?;
        let place = place(&url);
        let mut request = client.request(method, url);
        if let Some(body) = arguments.body {
            request = request.body(body);
        }
        if let Some(json) = &arguments.json {
            request = request.json(json);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &arguments.headers {
            let name = HeaderName::try_from(name).map_err(|error| refused(&error))?;
            let value = HeaderValue::try_from(value.as_str().unwrap_or_default());
            headers.insert(name, value.map_err(|error| refused(&error))?);
        }
        if call.effect == Effect::Keyed {
            let key = HeaderValue::try_from(&*call.key).map_err(|error| refused(&error))?;
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        Ok(Self { request: request.headers(headers), place, is_look })
    }

    async fn perform(self) -> Result<Output, Failure> {
        let Self { request, place, is_look } = self;
        let mut response = request.send().await.map_err(|error| unanswered(&place, error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let broken = |error: reqwest::Error| {
            let story = format!(
                "the answer {status} of {place} broke off: {}",
                causes(&error.without_url())
            );
            failure(Class::Unknown, story)
        };
        let body = collect(&mut response).await.map_err(broken)?;
        let output = output(status, &headers, body);
        judge(status, is_look, &headers, &place, output)
    }
}

/// Only what changes nothing is sent on, and to another host only without headers of its own, one
/// of which may be a secret for the first.
fn redirects(method: &Method, has_headers: bool) -> Policy {
    if ![Method::GET, Method::HEAD].contains(method) {
        return Policy::none();
    }
    Policy::custom(move |attempt: Attempt<'_>| {
        let same =
            attempt.previous().last().is_none_or(|last| last.origin() == attempt.url().origin());
        if REDIRECTS_MAX < attempt.previous().len() {
            attempt.error("it was sent on too often")
        } else if has_headers && !same {
            attempt.stop()
        } else {
            attempt.follow()
        }
    })
}

async fn collect(response: &mut Response) -> reqwest::Result<Kept> {
    let mut body = Kept::default();
    while let Some(bytes) = response.chunk().await? {
        if body.is_full() {
            body.cut();
            break;
        }
        body.take(&bytes);
    }
    Ok(body)
}

fn output(status: StatusCode, headers: &HeaderMap, body: Kept) -> Output {
    let shown: Map<String, Value> = HEADERS_SHOWN
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), headers.get(*name)?.to_str().ok()?.into())))
        .collect();
    let value = json!({ "status": status.as_u16(), "headers": shown, "body": body.shown() });
    Output { value, attachments: body.attachment("body", Media::Bytes).into_iter().collect() }
}

/// Answers that say nothing about what the request has done: somebody stands between, or it broke
/// down in the middle. (A look has done nothing in any case.)
const UNCLEAR: [StatusCode; 3] =
    [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT];

/// The same request is to be made at another address.
const ELSEWHERE: [StatusCode; 2] = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT];

fn is_sent_on(status: StatusCode) -> bool {
    status.is_redirection() && status != StatusCode::NOT_MODIFIED
}

/// What an answer says about the effect.
fn judge(
    status: StatusCode,
    is_look: bool,
    headers: &HeaderMap,
    place: &str,
    output: Output,
) -> Result<Output, Failure> {
    let (class, advice) = match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let after = headers.get("retry-after").and_then(|after| after.to_str().ok());
            let after = after.and_then(|after| after::parse(after, SystemTime::now()));
            let after_ms = after.and_then(|after| u64::try_from(after.as_millis()).ok());
            (Class::Busy { after_ms }, "it asks to come again later")
        }
        status if status.is_client_error() => {
            (Class::Refused, "mend the request; its body may say what it lacks")
        }
        // Whoever stands between, or broke down in the middle, cannot say what has happened.
        status if UNCLEAR.contains(&status) && !is_look => {
            (Class::Unknown, "whether it has happened cannot be told from that")
        }
        status if status.is_server_error() => {
            (Class::Failed, "its body may say what went wrong there")
        }
        // `See other` after something was done is how a form answers; these say that nothing was.
        status if ELSEWHERE.contains(&status) || (is_look && is_sent_on(status)) => {
            (Class::Refused, "it wants another address, which is not followed: name that one")
        }
        _ => return Ok(output),
    };
    Err(Failure { class, story: format!("{place} answered {status}: {advice}"), output })
}

/// Why there is no answer, and what that says about the effect.
fn unanswered(place: &str, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if error.is_connect() {
        let story = format!(
            "{place} cannot be reached, and nothing was sent: {}; look whether it runs there, or \
             mend the address",
            causes(&error)
        );
        return failure(Class::Busy { after_ms: None }, story);
    }
    if error.is_redirect() || error.is_builder() {
        let story = format!("the request to {place} came to no answer: {}", causes(&error));
        return failure(Class::Refused, story);
    }
    let story = format!(
        "the request to {place} was sent, and the answer never came: {}; look there whether it \
         has acted on it",
        causes(&error)
    );
    failure(Class::Unknown, story)
}

/// The innermost cause, which is what a person can act on.
fn causes(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// An address without name, password, query and fragment, any of which may be a secret.
fn place(url: &Url) -> String {
    let mut place = url.clone();
    // Fails where there is nothing to take away.
    place.set_username("").ok();
    place.set_password(None).ok();
    place.set_query(None);
    place.set_fragment(None);
    place.to_string()
}

fn failure(class: Class, story: String) -> Failure {
    Failure { class, story, output: Output::default() }
}
