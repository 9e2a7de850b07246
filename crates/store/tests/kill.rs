//! Acknowledged means on disk: a process that writes is killed in the middle, again and again.

#![expect(
    clippy::disallowed_methods,
    reason = "looks at a real process from outside, and tells it where to write"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use domain::id::{Address, Id, Kind};
use domain::journal::{
    Append, Appended, Body, Claim, Fate, Journal, Ordinal, Outgoing, Post, Posted, Seq, Taken,
};
use domain::time::Timestamp;
use futures::future::join_all;
use store::{Options, Sqlite};

/// Says to the process that was started that it is the writer, and where it writes.
const FOLDER: &str = "STORE_KILL_FOLDER";
const TEST: &str = "what_was_acknowledged_is_there_after_a_kill_in_the_middle_of_anything";
const KILLS: usize = 10;
/// Entities that are written at the same time.
const WRITERS: u8 = 8;
/// Acknowledged turns of each life before it is killed.
const TURNS: usize = 100;

#[test]
fn what_was_acknowledged_is_there_after_a_kill_in_the_middle_of_anything() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut acknowledged = [0_u64; WRITERS as usize];
    for kill in 0..KILLS {
        for (entity, seq) in live(folder.path(), TURNS + kill) {
            acknowledged[entity] = acknowledged[entity].max(seq);
        }
        let journal = Sqlite::open(folder.path(), &Options::default()).expect("it can be opened");
        for (entity, acknowledged) in (0..).zip(acknowledged) {
            check(&journal, entity, acknowledged);
        }
    }
}

/// Lets a writer live for so many acknowledged turns, and kills it.
fn live(folder: &Path, turns: usize) -> Vec<(usize, u64)> {
    let mut writer = Command::new(std::env::current_exe().expect("a test has a path"))
        .args(["--exact", TEST, "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started again");
    let lines = BufReader::new(writer.stdout.take().expect("it is piped")).lines();
    let read = |line: String| {
        let (entity, seq) = line.strip_prefix("ack ")?.split_once(' ')?;
        Some((entity.parse().ok()?, seq.parse().ok()?))
    };
    let said: Vec<(usize, u64)> =
        lines.map_while(Result::ok).filter_map(read).take(turns).collect();
    writer.kill().expect("it runs");
    writer.wait().expect("it has ended");
    // One that ends by itself has shown nothing.
    assert_eq!(said.len(), turns, "it ended before it was killed");
    said
}

/// All that was acknowledged is there, nothing is there by halves, and each post was heard once.
fn check(journal: &Sqlite, entity: u8, acknowledged: u64) {
    let history = block(journal.history(plan(entity), Seq(0), u32::MAX)).expect("it is readable");
    let head = history.len() as u64;
    assert!(head >= acknowledged, "entity {entity} was told {acknowledged} and has {head}");
    // Two events a turn, so an odd number would be half a turn.
    assert_eq!(head % 2, 0, "entity {entity} has half a turn");
    let sent = block(journal.inbox(session(entity), Ordinal(0), u32::MAX)).expect("it works");
    assert_eq!(sent.len() as u64, head / 2, "entity {entity}: a post for each turn");
    let waiting = block(journal.inbox(plan(entity), Ordinal(0), u32::MAX)).expect("it works");
    assert!(waiting.len() <= 1, "entity {entity}: what was heard waits no more");
}

// --- the writer ---

fn write(folder: &Path) {
    let journal = Sqlite::open(folder, &Options::default()).expect("it can be opened");
    let journal: Arc<dyn Journal> = Arc::new(journal);
    block(join_all((0..WRITERS).map(|entity| turns(Arc::clone(&journal), entity))));
}

/// Turn after turn, each acknowledged on standard output once it is.
async fn turns(journal: Arc<dyn Journal>, entity: u8) {
    let address = plan(entity);
    let open = |key: String| Post {
        to: address,
        key: key.into(),
        from: None,
        opens: true,
        body: body(),
        at: Timestamp::from_millis(1),
    };
    journal.post(open("first".to_owned())).await.expect("it is taken");
    let boot = Id::from_bytes([9; 16]);
    let claim = Claim { entity: address, boot, format: 1 };
    let claimed = journal.claim(claim).await.expect("it works").expect("it is there");
    let mut head = claimed.head;
    loop {
        let posted = journal.post(open(format!("k{}", head.0))).await.expect("it works");
        assert!(!matches!(posted, Posted::Refused(_)), "{posted:?}");
        let waiting = journal.inbox(address, Ordinal(0), 10).await.expect("it works");
        let heard = |ordinal| Taken { ordinal, fate: Fate::Heard(None) };
        let number = u128::from(head.0) << 8 | u128::from(entity) | 1 << 100;
        let (id, at) = (Id::from_bytes(number.to_be_bytes()), Timestamp::from_millis(2));
        let append = Append {
            events: vec![body(), body()],
            taken: waiting.into_iter().map(|waiting| heard(waiting.ordinal)).collect(),
            posts: vec![Outgoing { to: session(entity), opens: true, body: body() }],
            owes: 1,
            ..Append::new(id, address, claimed.epoch, head, at)
        };
        match journal.append(Arc::new(append)).await.expect("it works") {
            Appended::Done { head: now, .. } => head = now,
            Appended::Superseded => panic!("nobody else writes"),
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "ack {entity} {}", head.0).expect("somebody reads");
    }
}

fn block<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(work)
}

fn body() -> Body {
    Body { name: "said".into(), version: 1, bytes: vec![7; 200] }
}

fn plan(number: u8) -> Address {
    Address { kind: Kind::Plan, id: Id::from_bytes([number; 16]) }
}

fn session(number: u8) -> Address {
    Address { kind: Kind::Session, id: Id::from_bytes([number; 16]) }
}
