//! What lies outside: tools that do something to it, and the book it keeps of what was done.
//!
//! The book counts requests and effects for each key. What is `far` happens there whether or not
//! whoever asked still lives; what is `near` is done by a hand of the node, and ends with it.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::BoxFuture;
use domain::time::Clock;
use domain::tool::{
    Attachment, Call, Class, Content, Contract, Effect, Failure, Media, Output, Tools,
};
use futures::future::{Either, select};
use serde_json::{Value, json};

use super::boot::{Boot, SimulatedClock, lock};

/// What was asked of the outside under one key, and what has happened there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    pub requests: u32,
    pub effects: u32,
}

/// The book of everything that was done, over all nodes and all their boots.
#[derive(Debug, Default)]
pub(super) struct Book {
    pages: Mutex<BTreeMap<String, Page>>,
    used: Mutex<BTreeMap<String, Used>>,
    looks: Mutex<BTreeMap<String, u32>>,
}

#[derive(Debug, Default)]
struct Used {
    now: u32,
    most_at_once: u32,
}

/// A hand at something; however it ends, it lets go.
struct Hand<'a> {
    book: &'a Book,
    used: &'a str,
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        lock(&self.book.used).entry(self.used.to_owned()).or_default().now -= 1;
    }
}

#[derive(Debug, Default)]
struct Page {
    requests: u32,
    effects: u32,
    /// World time at which an effect happens that nobody can hold up any more.
    under_way: Vec<u64>,
    is_keyed: bool,
}

impl Page {
    fn happen(&mut self, now: u64) {
        let due = self.under_way.extract_if(.., |at| *at <= now).count() as u32;
        self.effects += due;
        if self.is_keyed {
            self.effects = self.effects.min(1);
        }
    }
}

impl Book {
    pub(super) fn read(&self, now: u64) -> BTreeMap<String, Done> {
        let mut pages = lock(&self.pages);
        let pages = pages.iter_mut().map(|(key, page)| {
            page.happen(now);
            (key.clone(), Done { requests: page.requests, effects: page.effects })
        });
        pages.collect()
    }

    fn hold<'a>(&'a self, used: &'a str) -> Hand<'a> {
        let mut all = lock(&self.used);
        let page = all.entry(used.to_owned()).or_default();
        page.now += 1;
        page.most_at_once = page.most_at_once.max(page.now);
        Hand { book: self, used }
    }

    pub(super) fn most_at_once(&self, used: &str) -> u32 {
        lock(&self.used).get(used).map_or(0, |used| used.most_at_once)
    }

    fn done(&self, key: &str, now: u64) -> Done {
        self.read(now).get(key).copied().unwrap_or_default()
    }

    /// Returns how many requests of this key there have been.
    fn ask(&self, call: &Call) -> u32 {
        let mut pages = lock(&self.pages);
        let page = pages.entry(call.key.to_string()).or_default();
        page.requests += 1;
        page.is_keyed = call.effect == Effect::Keyed;
        page.requests
    }

    /// Returns how often anybody has looked for this key.
    fn look(&self, key: &str) -> u32 {
        let mut all = lock(&self.looks);
        let looks = all.entry(key.to_owned()).or_default();
        *looks += 1;
        *looks
    }

    fn happen_at(&self, key: &str, at: u64) {
        if let Some(page) = lock(&self.pages).get_mut(key) {
            page.under_way.push(at);
        }
    }
}

/// The tools of one node: `near`, `far` and `look`.
///
/// The arguments say how it goes: `takes_ms`, and `says`, a list of what it answers the first,
/// second … time: `ok`, `busy`, `fail`, `unknown`, `going`, `silent`, `panic`; `ok` after that. An effect
/// happens half way through, unless the answer is `busy` or `fail`. `look` tells whether its key
/// has had an effect; the first `blind` looks see nothing, and complain. `attaches` is how many bytes
/// come with an answer, and `uses` names what a near hand, or one who looks, is at meanwhile.
/// `counts_as` counts what is asked over all keys that say the same; `passes` says how it goes by
/// the pass that the key names, however often it is asked for in each.
///
/// `shell` is near: its command is those arguments, as JSON. `prints` is what it has written, and
/// `prints_env` the variable whose value that is.
pub(super) struct SimulatedTools {
    pub(super) boot: Arc<Boot>,
    pub(super) book: Arc<Book>,
}

fn failure(class: Class, value: Value) -> Failure {
    let output = Output { value, ..Output::default() };
    Failure { class, story: "as the test says".to_owned(), output }
}

impl Tools for SimulatedTools {
    fn contracts(&self) -> Vec<Contract> {
        let contract = |name, effect, is_far| Contract {
            name,
            about: "does what a test says",
            arguments: json!({"type": "object"}),
            effect,
            lane: name,
            is_far,
        };
        vec![
            contract("far", Effect::Unsafe, true),
            contract("look", Effect::None, true),
            contract("near", Effect::Unsafe, false),
            contract("shell", Effect::Unsafe, false),
        ]
    }

    fn faults(&self, _tool: &str, args: &Value) -> Vec<String> {
        args.get("fault").map(|fault| vec![fault.to_string()]).unwrap_or_default()
    }

    fn perform(
        &self,
        call: Call,
        stop: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, Result<Output, Failure>> {
        let (boot, book) = (Arc::clone(&self.boot), Arc::clone(&self.book));
        Box::pin(async move {
            if !boot.write(&format!("tool/{}", call.tool), &format!("is asked {}", call.key)) {
                return pending().await;
            }
            let doing = std::pin::pin!(perform_any(&boot, &book, &call));
            let answer = match select(doing, stop).await {
                Either::Left((answer, _)) => answer,
                Either::Right(((), _)) => Err(failure(Class::Stopped, Value::Null)),
            };
            if !boot.write(&format!("tool/{}", call.tool), &format!("answers {}", call.key)) {
                return pending().await;
            }
            answer
        })
    }
}

async fn perform_any(boot: &Arc<Boot>, book: &Book, call: &Call) -> Result<Output, Failure> {
    if &*call.tool != "shell" {
        return perform(boot, book, call).await;
    }
    let command = call.args["command"].as_str().unwrap_or_default();
    let args: Value = serde_json::from_str(command).unwrap_or(json!({}));
    let env = args["prints_env"].as_str().map(|name| &call.args["env"][name]);
    let printed = env.unwrap_or(&args["prints"]).as_str().unwrap_or_default().to_owned();
    let near = Call { tool: "near".into(), args, ..call.clone() };
    let mut output = perform(boot, book, &near).await?;
    output.value = json!({"exit": 0, "stdout": printed, "stderr": ""});
    Ok(output)
}

/// From 1, as plans number what they come by again.
fn pass(key: &str) -> usize {
    let named = key.rsplit_once('~').and_then(|(_, pass)| pass.parse().ok());
    named.filter(|pass| 0 < *pass).unwrap_or(1)
}

fn attached(call: &Call) -> Vec<Attachment> {
    let bytes = call.args["attaches"].as_u64().map(|length| vec![b'x'; length as usize]);
    let named = |bytes| Attachment {
        name: "text".to_owned(),
        content: Content::Bytes(bytes),
        media: Media::Bytes,
    };
    bytes.map(named).into_iter().collect()
}

async fn perform(boot: &Arc<Boot>, book: &Book, call: &Call) -> Result<Output, Failure> {
    let clock = SimulatedClock(Arc::clone(boot));
    let now = || boot.common.now_ns();
    let _hand = call.args["uses"].as_str().map(|used| book.hold(used));
    if &*call.tool == "look" {
        if let Some(takes_ms) = call.args["takes_ms"].as_u64() {
            clock.sleep(Duration::from_millis(takes_ms)).await;
        }
        let is_blind = u64::from(book.look(&call.key)) <= call.args["blind"].as_u64().unwrap_or(0);
        return match book.done(&call.key, now()).effects {
            _ if is_blind => {
                Err(failure(Class::Failed, json!({"exit": 1, "stderr": "it is dark"})))
            }
            0 => Err(failure(Class::Failed, json!({"exit": 1, "stderr": ""}))),
            _ => Ok(Output { value: json!({"exit": 0}), ..Output::default() }),
        };
    }
    let half = Duration::from_millis(call.args["takes_ms"].as_u64().unwrap_or(10)) / 2;
    let request = book.ask(call);
    let request = call.args["counts_as"].as_str().map_or(request, |name| book.look(name));
    let says = match call.args["passes"].as_array() {
        Some(passes) => passes.get(pass(&call.key) - 1),
        None => call.args["says"].get(request as usize - 1),
    };
    let says = says.and_then(Value::as_str).unwrap_or("ok").to_owned();
    let happens = matches!(says.as_str(), "ok" | "unknown" | "silent" | "going");
    if happens && &*call.tool == "far" {
        let half = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        book.happen_at(&call.key, now().saturating_add(half));
    }
    clock.sleep(half).await;
    if !boot.is_alive() {
        return pending().await;
    }
    if happens && &*call.tool == "near" {
        book.happen_at(&call.key, now());
    }
    if !boot.write(&format!("tool/{}", call.tool), &format!("is at {}", call.key)) {
        return pending().await;
    }
    clock.sleep(half).await;
    match says.as_str() {
        "ok" => Ok(Output { value: json!({"request": request}), attachments: attached(call) }),
        "busy" => Err(failure(Class::Busy { after_ms: None }, Value::Null)),
        "fail" => Err(failure(Class::Failed, Value::Null)),
        "unknown" => Err(failure(Class::Unknown, Value::Null)),
        "going" => Err(failure(Class::Going, Value::Null)),
        "silent" => {
            clock.sleep(call.within).await;
            Err(failure(Class::Unknown, Value::Null))
        }
        "panic" => panic!("as the test says"),
        other => panic!("nobody can say {other}"),
    }
}
