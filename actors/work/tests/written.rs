//! What was written down once is read for ever: one line for each kind of body there has been.
//!
//! A line of `written.txt` is a name, a version and the bytes. A new kind adds a line; a line that
//! is there is never changed and never removed.

use domain::approval::Verdict;
use domain::conversation::Reply;
use domain::id::{Address, Id, Kind};
use domain::journal::Body;
use domain::priority::Priority;
use domain::run::{Descent, Effects, Left, Lineage, State, Workspace};
use domain::time::Timestamp;
use domain::tool::{Attachment, Class, Content, Effect, Failure, Media, OnDoubt, Output};
use domain::wire::{Unread, Written};
use serde_json::json;
use work::plan::{self, wire as plan_wire};
use work::session::{self, wire as session_wire};

const KEPT: &str = include_str!("written.txt");

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn address(kind: Kind) -> Address {
    Address { kind, id: Id::from_bytes([7; 16]) }
}

fn brief() -> plan::Brief {
    let task = plan::Task {
        id: "a".to_owned(),
        tool: "shell".to_owned(),
        args: json!({"command": "true", "n": [1, -2, 2.5, null, true]}),
        digest: "00ff".to_owned(),
        effect: Effect::Unsafe,
        after: vec!["b".to_owned()],
        locks: vec!["db".to_owned()],
        lane: "shell".to_owned(),
        is_far: true,
        attempts: 3,
        within_ms: 1_000,
        on_doubt: OnDoubt::Repeat,
        check: Some(plan::Check {
            tool: "http".to_owned(),
            args: json!({}),
            digest: "01ff".to_owned(),
            lane: "http".to_owned(),
        }),
        title: String::new(),
        uses: vec![],
        outputs: vec![],
        approval: None,
        undo: None,
    };
    let caps = plan::Caps { idle_rounds_max: 3, silence_max_ms: 9, depth_max: 4 };
    let (rounds, priority) = (vec![vec![task]], Priority::Normal);
    plan::Brief { rounds, caps, priority, depth: 1, course: None, descent: None }
}

/// One of a written plan that another run was begun from.
fn written_brief() -> plan::Brief {
    let mut brief = plan::Brief { priority: Priority::High, ..brief() };
    let task = &mut brief.rounds[0][0];
    let at = |name: &str| vec!["env".to_owned(), name.to_owned()];
    task.title = "Build it".to_owned();
    task.uses = vec![
        plan::Use { at: at("TAG"), of: plan::Source::Input("tag".to_owned()) },
        plan::Use { at: at("LOG"), of: plan::Source::Output("log".to_owned()) },
        plan::Use { at: vec!["steps".to_owned()], of: plan::Source::Story },
    ];
    task.outputs = vec!["image".to_owned()];
    task.approval = Some(plan::Approval { about: "build it?".to_owned(), within_ms: 7 });
    task.undo = Some(Box::new(plan::Task { undo: None, approval: None, ..task.clone() }));
    let way =
        |when, on_success, on_failure| plan::Way { when, on_success, on_failure, detours_max: 2 };
    brief.course = Some(Box::new(plan::Course {
        name: "deploy".to_owned(),
        ways: vec![
            way(plan::When::Always, plan::To::Round(1), plan::To::Rollback),
            way(plan::When::PreviousOk, plan::To::Done, plan::To::Fail),
            way(plan::When::PreviousFailed, plan::To::Paused, plan::To::Round(0)),
        ],
        rollback: vec![brief.rounds[0][0].clone()],
        inputs: [("tag".to_owned(), json!("v1"))].into(),
        workspace: Some(Workspace {
            id: "shop".to_owned(),
            path: "/srv/shop".to_owned(),
            branch: Some("main".to_owned()),
        }),
        text: plan::Text {
            file: Some("deploy.yaml".to_owned()),
            digest: "02ff".to_owned(),
            body: "name: deploy".to_owned(),
        },
        passes_max: 100,
        inputs_bytes_max: Some(1_000),
    }));
    brief.descent = Some(Box::new(plan::Descent {
        lineage: Lineage {
            run: address(Kind::Plan),
            how: Descent::Fork,
            at: 9,
            from: Some("b".to_owned()),
            effects: Effects::RequireHuman,
        },
        recorded: [("a".to_owned(), plan::Ending::Skipped("it was not needed".to_owned()))].into(),
        resumed: 1,
        signals: vec![plan::Signaled { name: "go".to_owned(), data: json!({"n": 1}) }],
        only: Some(plan::Closed { outcome: plan::Outcome::Completed, reason: None, left: vec![] }),
    }));
    brief
}

fn output() -> Output {
    let kept = Content::Kept { blob: "ab".to_owned(), bytes: 9 };
    let lost = Content::Lost { why: "no room".to_owned(), bytes: 9 };
    let attachment =
        |content| Attachment { name: "stdout".to_owned(), content, media: Media::Bytes };
    Output { value: json!({"exit": 0}), attachments: vec![attachment(kept), attachment(lost)] }
}

fn typed() -> Output {
    let kept = |media| Attachment {
        name: "report".to_owned(),
        content: Content::Kept { blob: "ab".to_owned(), bytes: 9 },
        media,
    };
    let known = [Media::Text, Media::Markdown, Media::Json, Media::Patch];
    Output { value: json!({}), attachments: known.map(kept).to_vec() }
}

fn failure(class: Class) -> Failure {
    Failure { class, story: "it said no".to_owned(), output: output() }
}

fn plan_events() -> Vec<plan::Event> {
    use plan::{Closed, Ending, Event, Outcome};
    use plan_wire::{
        Answered, Asked, Begun, By, Cancelling, Checking, Doubted, Ended, Fill, Filled, Given,
        Opened, Paused, Planned, Rested, Resumed, Reused, Settled, Signaled, Sought, Then, Unclear,
        Undoing,
    };
    let step = || "a".to_owned();
    let answered =
        |verdict, note| Event::Answered(Answered { number: 1, step: step(), verdict, note });
    let ended = |ending| Event::Ended(Ended { step: step(), attempt: 1, ending });
    vec![
        Event::Opened(Opened { by: Some(address(Kind::Session)), brief: brief() }),
        Event::Planned(Planned { round: 1, pass: 1 }),
        Event::Begun(Begun {
            step: step(),
            attempt: 1,
            until: at(5),
            filled: None,
            approval: None,
        }),
        ended(Ending::Done(output())),
        ended(Ending::Done(typed())),
        ended(Ending::Failed(failure(Class::Busy { after_ms: Some(7) }))),
        ended(Ending::Stopped(failure(Class::Stopped))),
        ended(Ending::Skipped("another failed".to_owned())),
        Event::Rested(Rested {
            step: step(),
            attempt: 1,
            failure: failure(Class::Failed),
            until: at(6),
        }),
        Event::Doubted(Doubted {
            step: step(),
            attempt: 1,
            evidence: "it crashed".to_owned(),
            until: at(7),
            then: Then::Check,
            spent: true,
        }),
        Event::Checking(Checking { step: step(), look: 2 }),
        Event::Unclear(Unclear {
            step: step(),
            look: 2,
            seen: "it was away".to_owned(),
            until: at(10),
        }),
        Event::Asked(Asked { step: step(), evidence: "nobody knows".to_owned(), until: at(8) }),
        Event::Settled(Settled {
            step: step(),
            happened: false,
            by: By::Person,
            evidence: "so they say".to_owned(),
            until: None,
        }),
        Event::Settled(Settled {
            step: step(),
            happened: false,
            by: By::Check,
            evidence: "nothing is there".to_owned(),
            until: Some(at(11)),
        }),
        ended(Ending::Failed(failure(Class::Going))),
        Event::Cancelling(Cancelling { reason: "enough".to_owned(), until: at(9) }),
        Event::Opened(Opened { by: None, brief: written_brief() }),
        Event::Planned(Planned { round: 1, pass: 2 }),
        Event::Sought(Sought {
            number: 1,
            step: step(),
            digest: "00ff".to_owned(),
            about: Some("do it once more: Build it".to_owned()),
            args: Some(json!({"command": "true"})),
            until: at(12),
        }),
        answered(Verdict::Granted, Some("go".to_owned())),
        answered(Verdict::Denied, None),
        answered(Verdict::Expired, None),
        answered(Verdict::Void, None),
        Event::Begun(Begun {
            step: step(),
            attempt: 1,
            until: at(5),
            filled: Some(Box::new(Filled {
                args: json!({"env": {"LOG": {"blob": "ab"}}}),
                digest: "03ff".to_owned(),
                blobs: vec![Fill {
                    at: vec!["env".to_owned(), "LOG".to_owned()],
                    blob: "ab".to_owned(),
                }],
            })),
            approval: Some(1),
        }),
        Event::Signaled(Signaled { name: "go".to_owned(), data: json!({"n": 1}) }),
        Event::Given(Given { name: "tag".to_owned(), value: json!("v2"), version: 2 }),
        Event::Reused(Reused { step: step(), ending: Ending::Done(output()) }),
        Event::Paused(Paused { reason: "its plan says so".to_owned(), until: at(13) }),
        Event::Resumed(Resumed { note: Some("looked at it".to_owned()) }),
        Event::Undoing(Undoing {
            outcome: Outcome::Failed,
            reason: Some("step a failed".to_owned()),
            rolls_back: true,
        }),
        Event::Closed(Closed {
            outcome: Outcome::Failed,
            reason: Some("step a failed".to_owned()),
            left: vec![Left { step: step(), why: "it was away".to_owned() }],
        }),
        Event::Closed(Closed {
            outcome: Outcome::Canceled,
            reason: Some("enough".to_owned()),
            left: vec![],
        }),
    ]
}

fn all() -> Vec<Body> {
    let plan_posts = [
        plan::Post::Open(brief()),
        plan::Post::Cancel(plan::Cancel { reason: "enough".to_owned() }),
        plan::Post::Settle(plan::Settle { step: "a".to_owned(), happened: true }),
        plan::Post::Answer(plan::Said {
            number: 1,
            granted: true,
            note: Some("go".to_owned()),
            digest: Some("00ff".to_owned()),
        }),
        plan::Post::Signal(plan::Signal { name: "go".to_owned(), data: json!({"n": 1}) }),
        plan::Post::Give(plan::Give {
            name: "tag".to_owned(),
            value: json!("v2"),
            version: Some(1),
        }),
        plan::Post::Resume(plan::Resume { note: Some("go".to_owned()), at: Some(3) }),
    ];
    let reply = || Reply { state: State::Completed, text: "done".to_owned() };
    let ended = session::PlanEnded { plan: address(Kind::Plan), reply: reply() };
    let session_posts =
        [session::Post::Turn(session::Turn { brief: brief() }), session::Post::Ended(ended)];
    let session_events = [
        session::Event::Asked(session_wire::Asked { turn: 1, brief: Some(brief()) }),
        session::Event::Begun(session_wire::Begun { turn: 1, plan: address(Kind::Plan) }),
        session::Event::Replied(session_wire::Replied { turn: 1, reply: reply() }),
    ];
    let posts = plan_posts.iter().map(Written::write);
    let posts = posts.chain(session_posts.iter().map(Written::write));
    let events = plan_events().iter().map(Written::write).collect::<Vec<_>>();
    posts.chain(events).chain(session_events.iter().map(Written::write)).collect()
}

fn line(body: &Body) -> String {
    let hex: String = body.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {} {hex}", body.name, body.version)
}

fn body(line: &str) -> Body {
    let parts: Vec<&str> = line.split(' ').collect();
    let byte = |at: usize| u8::from_str_radix(&parts[2][at..at + 2], 16).expect("two digits");
    let bytes = (0..parts[2].len()).step_by(2).map(byte).collect();
    Body { name: parts[0].to_owned().into(), version: parts[1].parse().expect("a version"), bytes }
}

/// Reads it as whatever its name says, and writes it once more.
fn again(body: &Body) -> Result<Body, Unread> {
    plan::Post::read(body)
        .map(|post| post.write())
        .or_else(|_| plan::Event::read(body).map(|event| event.write()))
        .or_else(|_| session::Post::read(body).map(|post| post.write()))
        .or_else(|_| session::Event::read(body).map(|event| event.write()))
}

#[test]
fn what_was_written_is_read_and_would_be_written_the_same() {
    for kept in KEPT.lines() {
        let body = body(kept);
        assert_eq!(again(&body).as_ref().map(line), Ok(kept.to_owned()));
    }
}

#[test]
fn whatever_is_written_has_a_line() {
    let missing: Vec<String> =
        all().iter().map(line).filter(|line| !KEPT.lines().any(|kept| kept == line)).collect();
    assert!(missing.is_empty(), "add to written.txt, beside this file:\n{}", missing.join("\n"));
}
