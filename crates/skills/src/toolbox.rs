//! The tools of a node, behind one port.

use std::sync::Arc;

use domain::BoxFuture;
use domain::nearest::nearest;
use domain::tool::{Call, Class, Contract, Failure, Output, Tools};
use serde_json::Value;

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
}

impl Tool {
    fn new(contract: Contract, faults: fn(&Value) -> Vec<String>) -> Self {
        let schema = Schema::new(&contract.arguments);
        Self { contract, schema, faults }
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
        let tools = vec![
            Tool::new(http::contract(), http::faults),
            Tool::new(shell::contract(), shell::faults),
        ];
        Ok(Self { options: Arc::new(options), client, tools })
    }
}

impl Tools for Toolbox {
    fn contracts(&self) -> Vec<Contract> {
        self.tools.iter().map(|tool| tool.contract.clone()).collect()
    }

    fn faults(&self, tool: &str, args: &Value) -> Vec<String> {
        let Some(found) = self.tools.iter().find(|known| known.contract.name == tool) else {
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
        if !faults.is_empty() {
            let story = faults.join("; ");
            let failure = Failure { class: Class::Refused, story, output: Output::default() };
            return Box::pin(async move { Err(failure) });
        }
        if &*call.tool == shell::NAME {
            Box::pin(shell::perform(Arc::clone(&self.options), call, stop))
        } else {
            Box::pin(http::perform(self.client.clone(), call, stop))
        }
    }
}

#[cfg(test)]
mod tests;
