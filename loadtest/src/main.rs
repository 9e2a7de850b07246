#![expect(
    dead_code,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "loadtest: measures from outside"
)]
mod actors;
use actors::*;
fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::sink).with_env_filter("info,ractor=off").init();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let what = std::env::args().nth(1).unwrap_or_default();
    let n: usize = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(10000);
    let out = rt.block_on(async {
        tokio::spawn(async move {
            match what.as_str() {
                "restart" => {
                    for kind in [restart::Crash::Kill, restart::Crash::Panic] {
                        let h = restart::ours(n, 20000, kind).await?;
                        eprintln!(
                            "{kind:?} p50 {} p99 {} max {}",
                            h.value_at_quantile(0.5) / 1000,
                            h.value_at_quantile(0.99) / 1000,
                            h.max() / 1000
                        );
                    }
                }
                "call" => {
                    for _ in 0..3 {
                        eprintln!("ours {} raw {}", call::ours(1.0).await?, call::raw(1.0).await?);
                    }
                }
                "spawn" => {
                    for _ in 0..3 {
                        eprintln!(
                            "ours {} raw {}",
                            spawn::ours(64, 1.0).await?,
                            spawn::raw(64, 1.0).await?
                        );
                    }
                }
                "idle" => eprintln!("ours {}", idle::ours(n).await?),
                "idleraw" => eprintln!("raw {}", idle::raw(n).await?),
                _ => {}
            }
            anyhow::Ok(())
        })
        .await?
    });
    out
}
