//! HTTP by hand: a client that may lie about who it is and what it asks.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Nothing where it was cut off: its body is as long as it says.
    fn read(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
        let length = answer.header("Content-Length").and_then(|length| length.parse().ok());
        let is_whole = length.is_none_or(|length: usize| length == answer.body.len());
        is_whole.then_some(answer)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// Of a header that it has once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Asks for one path. A `Host` among the headers takes the place of the true one.
pub(crate) fn ask(address: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(address, &format!("GET {path}"), headers, "")
}

/// Sends this JSON to one path.
pub(crate) fn post(address: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    try_post(address, path, headers, body).expect("an answer comes in time")
}

/// The same to a node that may be gone, now or in the middle of it.
pub(crate) fn try_post(
    address: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    let length = body.len().to_string();
    let of_body = [("Content-Type", "application/json"), ("Content-Length", &length)];
    try_send(address, &format!("POST {path}"), &[headers, &of_body].concat(), body)
}

/// Sends a request that begins with this line, such as `PUT /v1/tree`.
pub(crate) fn send(address: &str, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    try_send(address, line, headers, body).expect("an answer comes in time")
}

fn try_send(address: &str, line: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Answer> {
    let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    if headers.iter().all(|(name, _)| *name != "Host") {
        request.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);

    let mut stream = try_connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let answer = Answer::read(&answer);
    answer.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early"))
}

/// Begins a request and leaves it there.
pub(crate) fn begin(address: &str) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: ").expect("a request is sent");
    stream
}

fn connect(address: &str) -> TcpStream {
    try_connect(address).expect("the node listens")
}

fn try_connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
