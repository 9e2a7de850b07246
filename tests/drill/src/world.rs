//! Asking the ledger, without waiting for ever.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, anyhow};

/// Longer than anything here takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The way to a ledger on this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World(pub(crate) u16);

impl World {
    pub(crate) fn ask(self, line: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.0))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        let read = BufReader::new(stream).read_line(&mut answer);
        read.with_context(|| format!("the ledger has not answered `{line}`"))?;
        let answer = answer.strip_suffix('\n').ok_or_else(|| anyhow!("the ledger has hung up"))?;
        Ok(answer.to_owned())
    }

    pub(crate) fn has_happened(self, key: &str) -> anyhow::Result<bool> {
        Ok(self.ask(&format!("look {key}"))? == "yes")
    }

    /// Returns once nobody's request is under way any more.
    pub(crate) fn quiet(self) -> anyhow::Result<()> {
        self.ask("quiet").map(drop)
    }

    /// Returns at this many requests, with how many of them are unanswered.
    pub(crate) fn reach(self, requests: u64) -> anyhow::Result<u64> {
        let answer = self.ask(&format!("reach {requests}"))?;
        let unanswered = answer.split(' ').nth(2).and_then(|word| word.parse().ok());
        unanswered.ok_or_else(|| anyhow!("the ledger said `{answer}`"))
    }
}
