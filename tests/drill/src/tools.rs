//! The hands of the node in the drill: whatever they do, they do to the ledger.

use std::net::Ipv4Addr;

use domain::BoxFuture;
use domain::tool::{Call, Class, Contract, Effect, Failure, Output, Tools};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

pub(crate) struct Hands {
    pub(crate) port: u16,
}

impl Tools for Hands {
    fn contracts(&self) -> Vec<Contract> {
        // A node begins when the ledger is quiet, so no hand of an earlier one is at work then.
        let contract = |name, about, effect| Contract {
            name,
            about,
            arguments: json!({"type": "object"}),
            effect,
            lane: name,
            is_far: false,
        };
        vec![
            contract("look", "tells whether the ledger has an effect of this key", Effect::None),
            contract("pay", "has the ledger do something", Effect::Unsafe),
            contract("shell", "the same, or fails, as its command says", Effect::Unsafe),
        ]
    }

    fn faults(&self, _tool: &str, _args: &Value) -> Vec<String> {
        Vec::new()
    }

    fn perform(
        &self,
        call: Call,
        stop: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, Result<Output, Failure>> {
        let port = self.port;
        Box::pin(async move {
            tokio::select! {
                biased;
                done = perform(port, &call) => done,
                // What was sent is sent.
                () = stop => Err(failure(Class::Unknown, "it was asked to end", Value::Null)),
            }
        })
    }
}

async fn perform(port: u16, call: &Call) -> Result<Output, Failure> {
    let fails = call.args["command"] == "fail";
    let line = match (&*call.tool, call.effect) {
        _ if fails => format!("pay none {}\n", call.key),
        ("look", _) => format!("look {}\n", call.key),
        (_, Effect::None) => format!("pay none {}\n", call.key),
        (_, Effect::Keyed) => format!("pay keyed {}\n", call.key),
        (_, Effect::Idempotent | Effect::Unsafe) => format!("pay each {}\n", call.key),
    };
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
    let mut stream = stream.map_err(|error| {
        failure(Class::Busy { after_ms: None }, &error.to_string(), Value::Null)
    })?;
    let unknown = |error: std::io::Error| {
        failure(Class::Unknown, &format!("the ledger has not answered: {error}"), Value::Null)
    };
    stream.write_all(line.as_bytes()).await.map_err(unknown)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await.map_err(unknown)?;
    match answer.trim_end() {
        // As a check says it.
        "no" => Err(failure(Class::Failed, "there is none", json!({"exit": 1}))),
        "" => Err(failure(Class::Unknown, "the ledger has hung up", Value::Null)),
        _ if fails => Err(failure(Class::Failed, "its plan says so", Value::Null)),
        said => Ok(Output { value: said.into(), attachments: Vec::new() }),
    }
}

fn failure(class: Class, story: &str, value: Value) -> Failure {
    let output = Output { value, attachments: Vec::new() };
    Failure { class, story: story.to_owned(), output }
}
