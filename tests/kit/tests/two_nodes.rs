//! A world replays byte by byte, whatever the machine does beside it.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Keeps two cores busy for as long as it lives.
struct Load {
    over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    #[expect(clippy::disallowed_methods, reason = "the load is the point, and no actor's business")]
    fn begin() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let spin = |over: Arc<AtomicBool>| {
            move || {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
        };
        let threads = (0..2).map(|_| thread::spawn(spin(Arc::clone(&over)))).collect();
        Load { over, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().expect("it only spins"));
    }
}

fn start(seed: u64) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_two_nodes"));
    command.arg(seed.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).spawn().expect("the program is built beside this test")
}

fn trace(process: Child) -> String {
    let output = process.wait_with_output().expect("it ends");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    assert_eq!(complaints, "", "panics of actors are their supervisors' business");
    String::from_utf8(output.stdout).expect("a trace is text")
}

#[test]
fn a_seed_gives_the_same_trace_in_every_process_on_a_loaded_machine() {
    let load = Load::begin();
    for seed in [7, 8] {
        // Two at a time, so that they are in each other's way as well.
        let (one, other) = (start(seed), start(seed));
        let (one, other) = (trace(one), trace(other));
        assert!(one == other, "two traces of seed {seed}:\n{one}\nand\n{other}");
    }
    drop(load);
}

#[test]
fn another_seed_gives_another_trace() {
    assert_ne!(trace(start(7)), trace(start(8)));
}

#[test]
fn the_story_has_everything_that_may_go_wrong() {
    let trace = trace(start(7));
    let parts = [
        "ann root/team/left stopped: error",
        "ann root/team/left stopped: shutdown",
        "bob - crashed",
        "bob - boots for the 2. time",
        " lost from ann: ball",
        "bob - ended in order",
    ];
    for part in parts {
        assert!(trace.contains(part), "no {part:?} in\n{trace}");
    }
    let lines: Vec<&str> = trace.lines().collect();
    let crash = lines.iter().position(|line| line.ends_with("bob - crashed")).expect("it is there");
    let last_words = lines[crash - 1];
    assert!(last_words.ends_with("reached the ball is in hand"), "{last_words}");
}
