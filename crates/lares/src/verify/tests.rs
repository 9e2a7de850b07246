//! The report, the ledger and the scratch folder; the judgments have a table each.

use std::time::Duration;

use anyhow::anyhow;
use serde_json::json;

use self::judgments::{address, lines, run};
use super::damage;
use super::ledger::{Tally, compare};
use super::report::{Check, Findings, Name, Report};
use super::scratch::Scratch;

mod judgments;

#[test]
fn a_list_says_of_what_cannot_be_read_that_it_cannot() {
    let (sound, mut unread, mut aside) = (run(1, vec![]), run(2, vec![]), run(3, vec![]));
    unread.reason = Some("its history cannot be read".to_owned());
    aside.quarantined = Some("its checksum differs".to_owned());
    let runs = [sound, unread, aside];
    let listed = [1, 2, 3, 4].map(|number| damage::is_listed_as_good(address(number), &runs));
    assert_eq!(listed, [true, false, false, false]);
}

#[test]
fn bytes_are_flipped_wherever_the_words_stand_and_nowhere_else() {
    let mut bytes = *b"a mark, another mark, a Mark";
    assert_eq!(damage::flip(&mut bytes, b"mark"), 2);
    assert_eq!(&bytes, b"a Mark, another Mark, a Mark");
    assert_eq!(damage::flip(&mut bytes, b"nowhere"), 0);
}

#[test]
fn a_ledger_tells_what_is_lost_doubled_and_foreign() {
    let tally = compare(&lines(&["a", "b", "c"]), &lines(&["b", "c", "c", "d", "d"]));
    assert_eq!(tally, Tally { once: 1, lost: 1, doubled: 1, foreign: 2 });
}

#[test]
fn a_check_that_failed_or_could_not_be_made_fails_the_report_and_says_where_to_look() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scratch = Scratch::make(Some(folder.path())).expect("it is empty");
    let took = Duration::from_millis(1500);
    let mut good = Findings::default();
    good.exactly("kills", 3, 3);
    let mut report = Report::new(&scratch);
    report.add(Check::of(Name::RestartContinuity, took, Ok(good), &scratch));
    assert!(report.has_passed());

    let broken = Check::of(Name::FailureInjection, took, Err(anyhow!("no node")), &scratch);
    let told = format!("it could not be carried out: no node; see {}", folder.path().display());
    assert_eq!(broken.line(), format!("failure_injection failed after 1.5 s\n  {told}"));
    report.add(broken);
    assert!(!report.has_passed());
    let report = serde_json::to_value(&report).expect("it is JSON");
    assert_eq!(report["status"], "failed");
    assert_eq!(report["took_ms"], 3000);
    assert_eq!(report["checks"][0]["status"], "passed");
    assert_eq!(report["checks"][0]["evidence"], json!({"kills": 3}));
    assert_eq!(report["checks"][1]["failures"], json!([told]));
}

#[test]
fn a_part_that_cannot_be_looked_at_is_named_and_keeps_the_others() {
    let mut part = Findings::default();
    part.exactly("runs", 1, 0);
    let mut found = Findings::default();
    found.take("first", Ok(part));
    found.take("second", Err(anyhow!("no node")));
    assert_eq!(found.evidence, [("first_runs".to_owned(), json!(0))].into());
    let told = ["first_runs: expected 1, found 0", "second: it could not be carried out: no node"];
    assert_eq!(found.failures, told);
}

#[test]
fn a_folder_with_anything_in_it_is_nobodys_scratch() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("mine"), "").expect("there is room");
    let refused = Scratch::make(Some(folder.path())).map(|_| ()).expect_err("it is not empty");
    assert_eq!(refused.exit, cli::Exit::Usage);
    assert!(refused.to_string().contains("is not empty"), "{refused}");
}
