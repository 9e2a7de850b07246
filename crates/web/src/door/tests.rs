use std::future::{pending, ready};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::BoxFuture;
use domain::approval::{Answered, Approval, ApprovalId, Approvals, Saying};
use domain::backup::{self, Backup};
use domain::conversation::{Input, Session, Sessions, Taken};
use domain::door::Door;
use domain::id::Address;
use domain::run::{self, Descending, Page, Question, Rehearsal, Replayed, Request, Run, Runs};
use domain::time::Clock;
use domain::token::Token;
use domain::tree::{Actor, Census, Mailbox, State};
use kit::journal::FakeJournal;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::HttpDoor;
use crate::{Error, Options, Ports};

/// Longer than any of these takes on a loaded machine; reached only where a test would hang.
const PATIENCE: Duration = Duration::from_secs(30);
/// A bound that no test is meant to reach.
const NEVER: Duration = Duration::from_secs(3_600);
const SOON: Duration = Duration::from_millis(50);

fn root(state: State) -> Actor {
    Actor {
        id: "root".to_owned(),
        kind: "supervisor".to_owned(),
        state,
        incarnation: 1,
        restarts: 0,
        mailbox: Mailbox { depth: 0, bound: 256 },
        age_ms: 5,
        last_error: None,
        children: Vec::new(),
    }
}

struct Root(State);

impl Census for Root {
    fn tree(&self) -> Actor {
        root(self.0)
    }
}

/// Says that it was asked, and answers when it is told to.
struct Slow {
    asked: Sender<()>,
    answer: Mutex<Receiver<()>>,
}

impl Census for Slow {
    fn tree(&self) -> Actor {
        self.asked.send(()).expect("the test waits");
        let answer = self.answer.lock().expect("asked once").recv_timeout(PATIENCE);
        answer.expect("the test answers");
        root(State::Running)
    }
}

/// Nobody asks about runs here.
struct NoRuns;

fn none<T: Send + 'static>() -> BoxFuture<'static, Result<T, run::Error>> {
    Box::pin(ready(Err(run::Error::Unavailable("there are no runs in this test".to_owned()))))
}

impl Runs for NoRuns {
    fn open(&self, _: Request, _: Option<String>) -> BoxFuture<'_, Result<Address, run::Error>> {
        none()
    }

    fn rehearse(&self, _: Request) -> BoxFuture<'_, Result<Rehearsal, run::Error>> {
        none()
    }

    fn signal(
        &self,
        _: Address,
        _: String,
        _: Value,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<(), run::Error>> {
        none()
    }

    fn give(
        &self,
        _: Address,
        _: String,
        _: Value,
        _: Option<u64>,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<u64, run::Error>> {
        none()
    }

    fn resume(
        &self,
        _: Address,
        _: Option<String>,
        _: Option<u32>,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<(), run::Error>> {
        none()
    }

    fn descend(
        &self,
        _: Address,
        _: Descending,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<Address, run::Error>> {
        none()
    }

    fn timeline(
        &self,
        _: Address,
        _: u64,
        _: u32,
    ) -> BoxFuture<'_, Result<Vec<String>, run::Error>> {
        none()
    }

    fn plan(&self, _: Address) -> BoxFuture<'_, Result<String, run::Error>> {
        none()
    }

    fn artifact(&self, _: Address, _: String) -> BoxFuture<'_, Result<Vec<u8>, run::Error>> {
        none()
    }

    fn list(&self, _: Option<i64>, _: u32) -> BoxFuture<'_, Result<Page, run::Error>> {
        none()
    }

    fn show(&self, _: Address) -> BoxFuture<'_, Result<Run, run::Error>> {
        none()
    }

    fn cancel(
        &self,
        _: Address,
        _: String,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<(), run::Error>> {
        none()
    }

    fn attachment(
        &self,
        _: Address,
        _: String,
        _: String,
    ) -> BoxFuture<'_, Result<Vec<u8>, run::Error>> {
        none()
    }

    fn replay(&self, _: Address) -> BoxFuture<'_, Result<Replayed, run::Error>> {
        none()
    }

    fn questions(&self, _: u32) -> BoxFuture<'_, Result<Vec<Question>, run::Error>> {
        none()
    }

    fn settle(
        &self,
        _: Address,
        _: String,
        _: bool,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<(), run::Error>> {
        none()
    }
}

impl Approvals for NoRuns {
    fn list(&self, _: u32) -> BoxFuture<'_, Result<Vec<Approval>, run::Error>> {
        none()
    }

    fn show(&self, _: ApprovalId) -> BoxFuture<'_, Result<Approval, run::Error>> {
        none()
    }

    fn answer(
        &self,
        _: ApprovalId,
        _: Saying,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<Answered, run::Error>> {
        none()
    }
}

impl Sessions for NoRuns {
    fn say(
        &self,
        _: Option<Address>,
        _: Input,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<Taken, run::Error>> {
        none()
    }

    fn show(&self, _: Address) -> BoxFuture<'_, Result<Session, run::Error>> {
        none()
    }
}

struct NoBackup;

impl Backup for NoBackup {
    fn copy(&self, _: PathBuf) -> BoxFuture<'_, Result<backup::Copied, backup::Error>> {
        Box::pin(ready(Err(backup::Error::Busy)))
    }
}

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn wall(&self) -> Duration {
        Duration::ZERO
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(pending())
    }
}

fn ports(census: impl Census) -> Ports {
    let shelf = Arc::new(FakeJournal::default());
    Ports {
        census: Arc::new(census),
        runs: Arc::new(NoRuns),
        approvals: Arc::new(NoRuns),
        sessions: Arc::new(NoRuns),
        records: Arc::clone(&shelf) as _,
        journal: shelf,
        backup: Arc::new(NoBackup),
        clock: Arc::new(Still),
        bell: Arc::new(|_| {}),
    }
}

fn options() -> Options {
    Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        head_timeout: NEVER,
        drain_timeout: NEVER,
        ..Options::default()
    }
}

fn door(options: Options, census: impl Census) -> HttpDoor {
    HttpDoor::bind(options, Token::new("t"), ports(census)).expect("loopback has a free port")
}

/// A door being served, until `close`.
struct Serving {
    closing: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), domain::door::Error>>,
}

fn serve(door: &HttpDoor) -> Serving {
    let (closing, closed) = oneshot::channel();
    let serving = tokio::spawn(door.serve(Box::pin(async {
        closed.await.ok();
    })));
    Serving { closing, serving }
}

impl Serving {
    async fn close(self) {
        self.closing.send(()).expect("it still serves");
        let ended = in_time(self.serving).await.expect("it does not panic");
        ended.expect("it closes well");
    }
}

async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens in time")
}

async fn knock(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = in_time(TcpStream::connect(address)).await.expect("the door is bound");
    in_time(stream.write_all(bytes.as_bytes())).await.expect("the kernel takes a request");
    stream
}

/// All that comes until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    // A connection may also be reset, after what was sent has been read.
    in_time(stream.read_to_string(&mut text)).await.ok();
    text
}

fn request(line: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

const TOKEN: &str = "Authorization: Bearer t\r\n";
const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn ask(address: SocketAddr, line: &str, headers: &str) -> (u16, String) {
    let answer = rest(knock(address, &request(line, headers)).await).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
    (status.expect("an answer has a status"), body.to_owned())
}

#[tokio::test]
async fn each_route_answers_whom_it_should() {
    let door = door(Options { body_bytes_max: 100, ..options() }, Root(State::Running));
    let serving = serve(&door);
    let foreign = "Authorization: Bearer t\r\nOrigin: http://example.org\r\n";
    let bulky = "Authorization: Bearer t\r\nContent-Length: 101\r\n";
    let rows = [
        ("GET /livez", "", 200, r#"{"status":"alive"}"#),
        ("GET /livez", "Origin: http://example.org\r\n", 200, r#"{"status":"alive"}"#),
        ("GET /readyz", "", 200, r#"{"status":"ready"}"#),
        ("POST /readyz", "", 405, r#""code":"wrong_method""#),
        ("GET /v1/tree", TOKEN, 200, r#"{"id":"root","kind":"supervisor","state":"running","#),
        ("GET /v1/tree", "", 401, r#""code":"no_token""#),
        ("GET /v1/tree", foreign, 403, r#""code":"foreign_origin""#),
        ("GET http://example.org/v1/tree", TOKEN, 403, r#""code":"foreign_host""#),
        ("POST /v1/tree", "", 401, r#""code":"no_token""#),
        ("POST /v1/tree", TOKEN, 405, r#"{"error":{"code":"wrong_method","message":"#),
        ("POST /v1/tree", bulky, 413, r#""code":"body_too_large""#),
        ("GET /nowhere", "", 401, r#""code":"no_token""#),
        ("GET /nowhere", TOKEN, 404, r#""code":"unknown_path""#),
        ("GET /livez/", "", 401, r#""code":"no_token""#),
        ("GET /", TOKEN, 404, r#""code":"unknown_path""#),
    ];
    for (line, headers, status, part) in rows {
        let (answered, body) = ask(door.address(), line, headers).await;
        assert_eq!(answered, status, "{line} with {headers:?}: {body}");
        assert!(body.contains(part), "{line} with {headers:?}: {body}");
    }
    serving.close().await;
}

#[tokio::test]
async fn a_node_is_ready_while_its_root_runs() {
    let rows = [
        (State::Starting, 503, "root is starting"),
        (State::Running, 200, "ready"),
        (State::Restarting, 503, "root is restarting"),
        (State::Stopping, 503, "root is stopping"),
        (State::Stopped, 503, "root is stopped"),
    ];
    for (state, status, part) in rows {
        let door = door(options(), Root(state));
        let serving = serve(&door);
        let (answered, body) = ask(door.address(), "GET /readyz", "").await;
        assert_eq!(answered, status, "{state:?}");
        assert!(body.contains(part), "{state:?}: {body}");
        let (answered, _) = ask(door.address(), "GET /livez", "").await;
        assert_eq!(answered, 200, "{state:?}");
        serving.close().await;
    }
}

#[tokio::test]
async fn a_node_that_drains_takes_in_nothing_that_begins_work_and_answers_the_rest() {
    let door = door(options(), Root(State::Running));
    let serving = serve(&door);
    let id = "01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3";
    let turns = format!("POST /v1/sessions/ses_{id}/turns");
    let cancel = format!("POST /v1/runs/pln_{id}/cancel");
    let settle = format!("POST /v1/runs/pln_{id}/steps/a/settle");
    // What is let through is answered by the port, which is away here.
    let (draining, away) = (r#""code":"draining""#, r#""code":"unavailable""#);
    let rows = [
        ("POST /v1/runs", "{}", away, draining),
        ("POST /v1/turns", r#"{"text":"hello"}"#, away, draining),
        (turns.as_str(), r#"{"text":"hello"}"#, away, draining),
        ("GET /readyz", "", r#""status":"ready""#, draining),
        ("GET /livez", "", r#""status":"alive""#, r#""status":"alive""#),
        ("GET /v1/runs", "", away, away),
        ("GET /v1/tree", "", r#""id":"root""#, r#""id":"root""#),
        (cancel.as_str(), "{}", away, away),
        (settle.as_str(), r#"{"happened":true}"#, away, away),
    ];
    let answers = async |line: &str, body: &str| {
        let length = body.len();
        let heads = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        let asked = request(line, &format!("{TOKEN}{heads}")) + body;
        rest(knock(door.address(), &asked).await).await
    };
    for (line, body, before, _) in rows {
        let answer = answers(line, body).await;
        assert!(answer.contains(before), "{line}: {answer}");
    }
    door.close_intake();
    for (line, body, _, after) in rows {
        let answer = answers(line, body).await;
        assert!(answer.contains(after), "{line}: {answer}");
        if after == draining {
            assert!(answer.starts_with("HTTP/1.1 503 "), "{line}: {answer}");
            assert!(answer.contains("retry-after: "), "{line}: {answer}");
        }
    }
    // A stranger learns nothing of it, and who asks for nonsense is told that first.
    let (status, body) = ask(door.address(), "POST /v1/runs", "").await;
    assert!(status == 401 && body.contains("no_token"), "{body}");
    assert!(answers("POST /v1/turns", "nonsense").await.starts_with("HTTP/1.1 400 "));
    serving.close().await;
}

#[tokio::test]
async fn who_comes_between_two_servings_is_answered_by_the_second() {
    let door = door(options(), Root(State::Running));
    serve(&door).close().await;
    let early = knock(door.address(), LIVEZ).await;
    let serving = serve(&door);
    assert!(rest(early).await.contains("alive"));
    serving.close().await;
}

#[tokio::test]
async fn closing_ends_idle_connections_at_once() {
    let door = door(options(), Root(State::Running));
    let serving = serve(&door);
    let silent = knock(door.address(), "").await;
    let mut kept = knock(door.address(), "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    in_time(kept.read_exact(&mut [0; 12])).await.expect("an answer comes");
    serving.close().await;
    assert_eq!(rest(silent).await, "");
    rest(kept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_what_is_in_flight() {
    let (asked, heard) = channel();
    let (tell, answer) = channel();
    let door = door(options(), Slow { asked, answer: Mutex::new(answer) });
    let serving = serve(&door);
    let caller = knock(door.address(), &request("GET /v1/tree", TOKEN)).await;
    let heard = tokio::task::spawn_blocking(move || heard.recv_timeout(PATIENCE));
    heard.await.expect("it does not panic").expect("the request arrives");

    let Serving { closing, mut serving } = serving;
    closing.send(()).expect("it still serves");
    let early = tokio::time::timeout(SOON, &mut serving).await;
    assert!(early.is_err(), "the door closed on a request");
    tell.send(()).expect("the request waits");
    assert!(rest(caller).await.contains(r#""id":"root""#));
    in_time(serving).await.expect("it does not panic").expect("it closes well");
}

#[tokio::test]
async fn closing_waits_no_longer_than_its_deadline() {
    let door = door(Options { drain_timeout: SOON, ..options() }, Root(State::Running));
    let serving = serve(&door);
    let unfinished = knock(door.address(), "GET /li").await;
    // The accept queue is first come, first served: an answer here says the other was accepted.
    assert_eq!(ask(door.address(), "GET /livez", "").await.0, 200);
    serving.close().await;
    rest(unfinished).await;
}

#[tokio::test]
async fn a_caller_that_says_nothing_is_sent_away() {
    let door = door(Options { head_timeout: SOON, ..options() }, Root(State::Running));
    let serving = serve(&door);
    for start in ["", "GET /livez HTTP/1.1\r\nHost: loc"] {
        rest(knock(door.address(), start).await).await;
    }
    let kept = knock(door.address(), "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(rest(kept).await.contains("alive"));
    serving.close().await;
}

#[tokio::test]
async fn beyond_the_bound_callers_wait_for_their_turn() {
    let door = door(Options { connections_max: 1, ..options() }, Root(State::Running));
    let serving = serve(&door);
    let mut first = knock(door.address(), "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    in_time(first.read_exact(&mut [0; 12])).await.expect("the first is answered");
    let mut second = knock(door.address(), LIVEZ).await;
    let early = tokio::time::timeout(SOON, second.read(&mut [0; 12])).await;
    assert!(early.is_err(), "the second was let in beside the first");
    drop(first);
    assert!(rest(second).await.contains("alive"));
    serving.close().await;
}

#[test]
fn an_address_that_cannot_work_is_refused() {
    let bind = |options| HttpDoor::bind(options, Token::new("t"), ports(Root(State::Running)));

    for beyond in ["0.0.0.0:0", "192.168.7.7:80", "[::]:0"] {
        let listen = beyond.parse().expect("the row is an address");
        let error = bind(Options { listen, ..options() }).err();
        assert!(matches!(error, Some(Error::BeyondLoopback { .. })), "{beyond}: {error:?}");
    }

    let first = bind(options()).expect("loopback has a free port");
    let error = bind(Options { listen: first.address(), ..options() }).err();
    assert!(matches!(error, Some(Error::Taken { .. })), "{error:?}");

    let error = bind(Options { connections_max: 0, ..options() }).err();
    assert!(matches!(error, Some(Error::Zero { option: "connections_max" })), "{error:?}");
}
