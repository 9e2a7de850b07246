use domain::approval::Verdict;
use expect_test::expect;
use serde_json::json;

use super::*;
use crate::story::sample;

fn approval() -> Approval {
    Approval {
        id: ApprovalId { run: sample::id(), number: 2 },
        run: sample::id(),
        step: "push".to_owned(),
        about: "May it\u{1b}[2J go\u{202e} out?".to_owned(),
        tool: "http".to_owned(),
        args: json!({"method": "POST", "url": "http://127.0.0.1/", "body": "x".repeat(300)}),
        digest: "00ff".to_owned(),
        since: Timestamp::from_millis(1_000),
        until: Timestamp::from_millis(11_000_000),
        answer: None,
    }
}

#[test]
fn a_person_reads_what_is_asked_and_how_to_answer() {
    let approval = approval();
    let waiting = Waiting { approvals: vec![approval] };
    expect![[r#"
        apr_00000000000000000000000000-2  pln_00000000000000000000000000/push
          asks   May it [2J go� out?
          does   http: POST http://127.0.0.1/ {"body":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
                 all of it: lares approvals apr_00000000000000000000000000-2
          since  3m 19s ago; for 3h 0m more, then it counts as refused
          next   lares approve apr_00000000000000000000000000-2 (or lares deny apr_00000000000000000000000000-2)
    "#]]
    .assert_eq(&tell(&waiting, Timestamp::from_millis(200_000)));
}

#[test]
fn where_nobody_is_asked_that_is_said() {
    let none = Waiting { approvals: vec![] };
    assert_eq!(tell(&none, Timestamp::from_millis(0)), "nobody is asked for anything\n");
}

#[test]
fn all_of_what_would_be_done_is_shown_to_whoever_asks() {
    let now = Timestamp::from_millis(200_000);
    let args =
        json!({"command": format!("true {}\nrm -rf /srv", "x".repeat(20)), "env": {"A": "b"}});
    let mut approval = Approval { tool: "shell".to_owned(), args, ..approval() };
    expect![[r#"
        apr_00000000000000000000000000-2  pln_00000000000000000000000000/push
          asks   May it [2J go� out?
          does   shell
                 command:
                   true xxxxxxxxxxxxxxxxxxxx
                   rm -rf /srv
                 env:
                   {"A":"b"}
          digest 00ff
          since  3m 19s ago; for 3h 0m more, then it counts as refused
          next   lares approve apr_00000000000000000000000000-2 (or lares deny apr_00000000000000000000000000-2)
    "#]].assert_eq(&tell_all(&approval, now));
    let before = tell_all(&approval, now);
    let (note, at) = (Some("after the backup".to_owned()), Timestamp::from_millis(100_000));
    approval.answer = Some(Answer { verdict: Verdict::Denied, note, at });
    let (what, _) = before.split_once("  since").expect("it says since when");
    let expected = format!("{what}  since  3m 19s ago; denied 1m 40s ago: after the backup\n");
    assert_eq!(tell_all(&approval, now), expected);
}
