//! One request to a real socket, and what each answer comes to.

use std::time::Duration;

use domain::tool::{Call, Class, Content, Effect, Failure, Output, Tools};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::yard::{PATIENCE, Yard, never};

/// A server that gives each caller one prepared answer.
struct Server {
    listener: TcpListener,
}

impl Server {
    async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("loopback") }
    }

    fn url(&self, path: &str) -> String {
        let address = self.listener.local_addr().expect("it listens");
        format!("http://{address}{path}")
    }

    /// Takes one request, answers, and hangs up; returns the request.
    async fn answer(&self, answer: impl AsRef<[u8]>) -> String {
        let (mut stream, _) = self.listener.accept().await.expect("somebody calls");
        let request = read(&mut stream).await;
        // The caller may have had enough.
        stream.write_all(answer.as_ref()).await.ok();
        request
    }
}

/// A request with its body, whose length it says.
async fn read(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.map_or(0, |length| length.parse().expect("a number")) <= body.len() {
                return String::from_utf8(request).expect("text");
            }
        }
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).await.expect("the caller speaks");
        assert_ne!(length, 0, "the caller hung up");
        request.extend_from_slice(&bytes[..length]);
    }
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn call(args: Value, effect: Effect, within: Duration) -> Call {
    Call { tool: "http".into(), args, key: "pln_1/s1".into(), effect, within }
}

async fn perform(args: Value) -> Result<Output, Failure> {
    let yard = Yard::new();
    yard.toolbox.perform(call(args, Effect::Unsafe, PATIENCE), never()).await
}

#[tokio::test]
async fn a_request_says_what_it_was_told_and_nothing_more() {
    let server = Server::start().await;
    let args = json!({
        "method": "POST",
        "url": server.url("/things?q=1"),
        "headers": { "X-Colour": "red" },
        "json": { "a": null },
    });
    let (ended, request) = tokio::join!(perform(args), server.answer(ok("fine")));
    let output = ended.expect("it ends well");
    assert_eq!(output.value["status"], 200);
    assert_eq!(output.value["body"], "fine");
    assert_eq!(output.value["headers"], json!({ "content-length": "4" }));
    let request = request.to_lowercase();
    assert!(request.starts_with("post /things?q=1 http/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"a\":null}"), "{request}");
    let names = request.lines().filter_map(|line| Some(line.split_once(": ")?.0));
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    let expected = ["accept", "content-length", "content-type", "host", "user-agent", "x-colour"];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn the_key_goes_along_where_it_makes_one_effect_of_many() {
    let yard = Yard::new();
    for (effect, expected) in [
        (Effect::Keyed, Some("idempotency-key: pln_1/s1")),
        (Effect::Unsafe, None),
        (Effect::Idempotent, None),
        (Effect::None, None),
    ] {
        let server = Server::start().await;
        let call = call(json!({ "url": server.url("/") }), effect, PATIENCE);
        let answer = ok("");
        let (ended, request) =
            tokio::join!(yard.toolbox.perform(call, never()), server.answer(&answer));
        ended.expect("it ends well");
        let found = request.lines().find(|line| line.starts_with("idempotency-key"));
        assert_eq!(found, expected, "{effect:?}");
    }
}

#[tokio::test]
async fn each_status_says_what_is_known_of_the_effect() {
    let busy = |after_ms| Err(Class::Busy { after_ms });
    let rows = [
        ("204 No Content", "", Ok(())),
        ("304 Not Modified", "", Ok(())),
        ("400 Bad Request", "", Err(Class::Refused)),
        ("404 Not Found", "", Err(Class::Refused)),
        ("429 Too Many Requests", "", busy(None)),
        ("429 Too Many Requests", "Retry-After: 7\r\n", busy(Some(7_000))),
        ("503 Service Unavailable", "Retry-After: 86400\r\n", busy(Some(3_600_000))),
        (
            "503 Service Unavailable",
            "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
            busy(Some(0)),
        ),
        ("503 Service Unavailable", "Retry-After: soon\r\n", busy(None)),
        ("500 Internal Server Error", "", Err(Class::Failed)),
        ("502 Bad Gateway", "", Err(Class::Failed)),
    ];
    for (status, headers, expected) in rows {
        let server = Server::start().await;
        let answer = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n");
        let args = json!({ "url": server.url("/a") });
        let (ended, _) = tokio::join!(perform(args), server.answer(answer.as_bytes()));
        let class = ended.as_ref().map(|_| ()).map_err(|failure| failure.class);
        assert_eq!(class, expected, "{status} {headers}");
        let output = ended.unwrap_or_else(|failure| failure.output);
        assert_eq!(output.value["status"], status[..3].parse::<u16>().expect("a number"));
    }
}

#[tokio::test]
async fn who_stands_between_cannot_say_what_a_request_has_done() {
    let rows = [
        ("500 Internal Server Error", Class::Unknown),
        ("502 Bad Gateway", Class::Unknown),
        ("504 Gateway Timeout", Class::Unknown),
        ("501 Not Implemented", Class::Failed),
        ("308 Permanent Redirect", Class::Refused),
    ];
    for (status, expected) in rows {
        let server = Server::start().await;
        let answer = format!("HTTP/1.1 {status}\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
        let args = json!({ "url": server.url("/a"), "method": "POST" });
        let (ended, _) = tokio::join!(perform(args), server.answer(answer.as_bytes()));
        assert_eq!(ended.expect_err(status).class, expected, "{status}");
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let server = Server::start().await;
    let url = server.url("/");
    drop(server);
    for url in [url.as_str(), "http://nobody.invalid/"] {
        let failure = perform(json!({ "url": url })).await.expect_err("nobody listens");
        assert_eq!(failure.class, Class::Busy { after_ms: None }, "{}", failure.story);
        assert!(failure.story.contains("nothing was sent"), "{}", failure.story);
    }
}

#[tokio::test]
async fn who_breaks_off_after_the_request_leaves_it_unknown() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "nonsense\r\n\r\n"] {
        let server = Server::start().await;
        let args = json!({ "url": server.url("/"), "method": "POST" });
        let (ended, _) = tokio::join!(perform(args), server.answer(answer.as_bytes()));
        let failure = ended.expect_err("it breaks off");
        assert_eq!(failure.class, Class::Unknown, "{answer}: {}", failure.story);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_at_the_deadline_or_when_asked() {
    let yard = Yard::new();
    let server = Server::start().await;
    let args = json!({ "url": server.url("/") });
    let late = call(args.clone(), Effect::Unsafe, Duration::from_millis(200));
    let failure = yard.toolbox.perform(late, never()).await.expect_err("no answer");
    assert_eq!(failure.class, Class::Unknown, "{}", failure.story);

    let (asked, stop) = tokio::sync::oneshot::channel::<()>();
    let stop = Box::pin(async move { stop.await.unwrap_or_default() });
    let stopped = call(args, Effect::Unsafe, PATIENCE);
    let (ended, hung_up) = tokio::join!(yard.toolbox.perform(stopped, stop), async {
        // The first caller is still in the queue, and has gone.
        server.listener.accept().await.expect("it called");
        let (mut stream, _) = server.listener.accept().await.expect("it calls");
        read(&mut stream).await;
        asked.send(()).expect("it listens");
        stream.read(&mut [0]).await.unwrap_or_default()
    });
    assert_eq!(ended.expect_err("it is stopped").class, Class::Stopped);
    assert_eq!(hung_up, 0, "the connection ends with the call");
}

#[tokio::test]
async fn a_long_body_is_cut_at_each_of_its_bounds() {
    let kib = 1024;
    let mebi = kib * kib;
    for (bytes, attached) in [(8 * kib, None), (8 * kib + 1, Some(8 * kib + 1)), (mebi, Some(mebi))]
    {
        let server = Server::start().await;
        let answer = ok(&"a".repeat(bytes));
        let (ended, _) =
            tokio::join!(perform(json!({ "url": server.url("/") })), server.answer(&answer));
        let output = ended.expect("it ends well");
        assert_eq!(length(&output), attached, "{bytes}");
    }
    let server = Server::start().await;
    let answer = ok(&"a".repeat(4 * mebi));
    let (ended, _) =
        tokio::join!(perform(json!({ "url": server.url("/") })), server.answer(&answer));
    let output = ended.expect("it ends well");
    let body = output.value["body"].as_str().expect("text");
    assert!(body.contains("are left out here") && body.ends_with("was not read …]\n"));
    assert!(length(&output).expect("it is long") < mebi + kib);
}

fn length(output: &Output) -> Option<usize> {
    let attachment = output.attachments.first()?;
    match &attachment.content {
        Content::Bytes(bytes) => Some(bytes.len()),
        Content::Kept { .. } | Content::Lost { .. } => panic!("nobody has stored it"),
    }
}

fn sent_on(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn only_what_changes_nothing_is_sent_on_and_not_for_ever() {
    let server = Server::start().await;
    let args = json!({ "url": server.url("/a") });
    let (ended, _) = tokio::join!(perform(args.clone()), async {
        server.answer(sent_on("/b")).await;
        server.answer(ok("here")).await
    });
    assert_eq!(ended.expect("it ends well").value["body"], "here");

    let (ended, ()) = tokio::join!(perform(args), async {
        for _ in 0..6 {
            server.answer(sent_on("/b")).await;
        }
    });
    let failure = ended.expect_err("it goes round");
    assert_eq!(failure.class, Class::Refused, "{}", failure.story);
    assert!(failure.story.contains("too often"), "{}", failure.story);

    let args = json!({ "url": server.url("/a"), "method": "POST" });
    let answer = sent_on("/b");
    let (ended, _) = tokio::join!(perform(args), server.answer(&answer));
    let output = ended.expect("it is an answer");
    assert_eq!(output.value["status"], 302);
    assert_eq!(output.value["headers"]["location"], "/b");
}

#[tokio::test]
async fn headers_of_a_call_are_for_its_own_host_alone() {
    let (one, other) = (Server::start().await, Server::start().await);
    let secret = json!({ "url": one.url("/"), "headers": { "X-Api-Key": "secret" } });
    let answer = sent_on(&other.url("/"));
    let (ended, _) = tokio::join!(perform(secret), one.answer(&answer));
    assert_eq!(ended.expect_err("it is not what was asked for").class, Class::Refused);

    let open = json!({ "url": one.url("/") });
    let found = ok("there");
    let (ended, _, _) = tokio::join!(perform(open), one.answer(&answer), other.answer(&found));
    assert_eq!(ended.expect("it ends well").value["body"], "there");
}

#[tokio::test]
async fn no_story_tells_a_secret() {
    let server = Server::start().await;
    let url = server.url("/a?token=hush").replace("http://", "http://ann:hush@");
    for answer in [
        "",
        "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    ] {
        let (ended, _) =
            tokio::join!(perform(json!({ "url": url })), server.answer(answer.as_bytes()));
        let failure = ended.expect_err("it comes to nothing");
        assert!(!failure.story.contains("hush"), "{}", failure.story);
        assert!(failure.story.contains("/a"), "{}", failure.story);
    }
    drop(server);
    let failure = perform(json!({ "url": url })).await.expect_err("nobody listens");
    assert!(!failure.story.contains("hush"), "{}", failure.story);
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_hears_nothing() {
    let server = Server::start().await;
    let url = server.url("/").replace("http://", "https://");
    let (ended, ()) = tokio::join!(perform(json!({ "url": url })), async {
        let (mut stream, _) = server.listener.accept().await.expect("somebody calls");
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.expect("it says hello");
        // A handshake of TLS, and no request.
        assert_eq!(hello[..2], [22, 3]);
    });
    let failure = ended.expect_err("it is no server for that");
    assert_eq!(failure.class, Class::Busy { after_ms: None }, "{}", failure.story);
}
