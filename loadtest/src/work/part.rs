//! The measurements that run in processes of their own, and what each is told.

use std::path::PathBuf;

use super::{
    backup, conversation, crash, memory, plans, raw, sessions, store_of_many, timers, turn,
};
use crate::figures::Figures;

#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum Part {
    Plans {
        at_once: usize,
        seconds: f64,
        #[arg(long, default_value = "sequence")]
        form: plans::Form,
    },
    Sqlite {
        rows: usize,
        seconds: f64,
    },
    /// Opens plans on a folder, tells how far they are, and waits to be killed
    Victim {
        folder: PathBuf,
        sink: PathBuf,
        plans: usize,
    },
    /// Carries on with what it finds there
    Heir {
        folder: PathBuf,
        sink: PathBuf,
        plans: usize,
    },
    IdleNode,
    IdleSessions {
        warm: usize,
        count: usize,
    },
    Seated {
        count: usize,
        #[arg(long)]
        in_line: bool,
    },
    /// Fills a folder
    Fill {
        folder: PathBuf,
        sessions: usize,
        plans: usize,
    },
    /// Puts plans into a folder in which nobody runs
    Feed {
        folder: PathBuf,
        plans: usize,
    },
    StartOnMany {
        folder: PathBuf,
        plans: u64,
    },
    Timers {
        count: usize,
        within_s: u64,
    },
    Talk {
        folder: PathBuf,
        turns: usize,
        bytes: usize,
    },
    Recall {
        folder: PathBuf,
    },
    Backup {
        at_once: usize,
    },
    Check {
        text: crate::plans::Text,
    },
    /// Puts one long run into a folder
    FillRun {
        folder: PathBuf,
        events: usize,
    },
    Turn {
        turns: usize,
        steps: usize,
    },
}

impl Part {
    pub(crate) async fn measure(self) -> anyhow::Result<Figures> {
        match self {
            Part::Plans { at_once, seconds, form } => plans::ours(at_once, seconds, form).await,
            Part::Sqlite { rows, seconds } => raw::commits(rows, seconds),
            Part::Victim { folder, sink, plans } => crash::victim(&folder, &sink, plans).await,
            Part::Heir { folder, sink, plans } => crash::heir(&folder, &sink, plans).await,
            Part::IdleNode => memory::idle_node().await,
            Part::IdleSessions { warm, count } => sessions::idle(warm, count).await,
            Part::Seated { count, in_line } => sessions::seated(count, in_line).await,
            Part::Fill { folder, sessions, plans } => {
                store_of_many::fill(&folder, sessions, plans).await
            }
            Part::Feed { folder, plans } => store_of_many::feed(&folder, plans).await,
            Part::StartOnMany { folder, plans } => store_of_many::start(&folder, plans).await,
            Part::Timers { count, within_s } => timers::ours(count, within_s).await,
            Part::Talk { folder, turns, bytes } => conversation::talk(&folder, turns, bytes).await,
            Part::Recall { folder } => conversation::recall(&folder).await,
            Part::Backup { at_once } => backup::ours(at_once).await,
            Part::Check { text } => crate::plans::check(text),
            Part::FillRun { folder, events } => crate::plans::fill(&folder, events).await,
            Part::Turn { turns, steps } => turn::ours(turns, steps).await,
        }
    }
}
