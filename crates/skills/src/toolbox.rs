//! The tools of a node, behind one port.

use std::sync::Arc;

use domain::BoxFuture;
use domain::nearest::nearest;
use domain::tool::{Call, Class, Contract, Failure, Output, Tools};
use serde_json::Value;

use crate::actions::checks::{self, Check};
use crate::actions::{apply_patch, context_pack, diff_report, summary};
use crate::arguments::Schema;
use crate::http::{self, Client};
use crate::{Options, shell};

/// Why there are no tools.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the option `{option}` is {value:?}, which is no absolute path: write one")]
    Relative { option: &'static str, value: std::path::PathBuf },
    #[error("the TLS of the tool `http` cannot be used")]
    Tls(#[source] rustls::Error),
}

/// All tools there are. It holds no process and no connection between two calls.
pub struct Toolbox {
    options: Arc<Options>,
    client: Client,
    /// In the order of their names.
    tools: Vec<Tool>,
}

struct Tool {
    contract: Contract,
    schema: Schema,
    /// What is wrong beyond what the schema says.
    faults: fn(&Value) -> Vec<String>,
    /// Performs a call without faults.
    perform: Perform,
}

type Perform = fn(&Toolbox, Call, BoxFuture<'static, ()>) -> Performing;
type Performing = BoxFuture<'static, Result<Output, Failure>>;

impl Tool {
    fn new(contract: Contract, faults: fn(&Value) -> Vec<String>, perform: Perform) -> Self {
        let schema = Schema::new(&contract.arguments);
        Self { contract, schema, faults, perform }
    }
}

impl Toolbox {
    pub fn new(options: Options) -> Result<Self, Error> {
        let paths =
            [("hands", &options.hands), ("shell", &options.shell), ("folder", &options.folder)];
        for (option, path) in paths {
            if !path.is_absolute() {
                return Err(Error::Relative { option, value: path.clone() });
            }
        }
        let client = Client::new().map_err(Error::Tls)?;
        Ok(Self { options: Arc::new(options), client, tools: tools() })
    }

    fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.contract.name == name)
    }

    fn options(&self) -> Arc<Options> {
        Arc::clone(&self.options)
    }
}

/// In the order of their names.
fn tools() -> Vec<Tool> {
    vec![
        Tool::new(apply_patch::contract(), apply_patch::faults, |toolbox, call, stop| {
            Box::pin(apply_patch::perform(toolbox.options(), call, stop))
        }),
        Tool::new(context_pack::contract(), context_pack::faults, |toolbox, call, stop| {
            Box::pin(context_pack::perform(toolbox.options(), call, stop))
        }),
        Tool::new(diff_report::contract(), diff_report::faults, |toolbox, call, stop| {
            Box::pin(diff_report::perform(toolbox.options(), call, stop))
        }),
        Tool::new(http::contract(), http::faults, |toolbox, call, stop| {
            Box::pin(http::perform(toolbox.client.clone(), call, stop))
        }),
        Tool::new(checks::linters(), checks::faults, |toolbox, call, stop| {
            Box::pin(checks::perform(Check::Linters, toolbox.options(), call, stop))
        }),
        Tool::new(checks::tests(), checks::faults, |toolbox, call, stop| {
            Box::pin(checks::perform(Check::Tests, toolbox.options(), call, stop))
        }),
        Tool::new(shell::contract(), shell::faults, |toolbox, call, stop| {
            Box::pin(shell::perform(toolbox.options(), call, stop))
        }),
        Tool::new(summary::contract(), summary::faults, |_, call, _| {
            Box::pin(std::future::ready(summary::perform(call.args)))
        }),
    ]
}

impl Tools for Toolbox {
    fn contracts(&self) -> Vec<Contract> {
        self.tools.iter().map(|tool| tool.contract.clone()).collect()
    }

    fn faults(&self, tool: &str, args: &Value) -> Vec<String> {
        let Some(found) = self.find(tool) else {
            let names: Vec<&str> = self.tools.iter().map(|tool| tool.contract.name).collect();
            let instead = match nearest(tool, names.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("write one of {}", names.join(", ")),
            };
            return vec![format!("there is no tool `{tool}`: {instead}")];
        };
        let mut faults = found.schema.faults(args);
        faults.extend((found.faults)(args));
        faults
    }

    fn perform(
        &self,
        call: Call,
        stop: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, Result<Output, Failure>> {
        let faults = self.faults(&call.tool, &call.args);
        match self.find(&call.tool).filter(|_| faults.is_empty()) {
            Some(tool) => (tool.perform)(self, call, stop),
            None => {
                let story = faults.join("; ");
                let failure = Failure { class: Class::Refused, story, output: Output::default() };
                Box::pin(async move { Err(failure) })
            }
        }
    }
}

#[cfg(test)]
mod tests;
