//! Where the program says what it does: stderr, so that stdout stays for answers.

use std::io::IsTerminal;

use anyhow::anyhow;
use cli::Exit;
use tracing_subscriber::EnvFilter;

use crate::environment;
use crate::failure::Failure;

/// ractor reports every actor's coming and going; the supervisors say what matters about it.
const DEFAULT: &str = "info,ractor=off";

/// Sets the log up, once per process.
pub(crate) fn start() -> Result<(), Failure> {
    let wanted = environment::log().unwrap_or_else(|| DEFAULT.to_owned());
    let filter = EnvFilter::builder().parse(&wanted).map_err(|error| {
        let name = environment::LOG;
        let error = anyhow!("{name} is `{wanted}`: write it as {DEFAULT} ({error})");
        Failure::new(Exit::Usage, error)
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // It would tell of a stderr that is gone on that stderr, and panic in whoever logs.
        .log_internal_errors(false)
        .try_init()
        .map_err(|error| Failure::new(Exit::Failed, anyhow!(error)))
}
