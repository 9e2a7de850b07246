//! Names: one holder on a node, and free when the holder is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runtime::Next;
use runtime::spec::{Restart, Shutdown, Strategy};

use crate::stage::{
    Do, LONG, Script, at_once, crash, done, end_with, kill, life, node, plain, plant, root, soon,
};

/// Claims a name as it starts, and fails to start when that is taken.
fn named(name: &'static str) -> Script {
    Script::default().init(move |_, cx| {
        let claimed = cx.claim(name);
        Box::pin(async move { Ok(claimed?) })
    })
}

/// Claims a name when it is told to, and answers with the error if there is one.
async fn claim(handle: &runtime::Handle<Do>, name: &'static str) -> Option<String> {
    let question = move |reply: runtime::Reply<Option<String>>| {
        at_once(move |cx| {
            reply.send(cx.claim(name).err().map(|taken| taken.to_string()));
            Ok(Next::Go)
        })
    };
    handle.ask(question, LONG).await.expect("it lives")
}

#[tokio::test]
async fn a_name_has_one_holder_and_the_refusal_says_who() {
    let (node, _) = node();
    let (a, first) = plain("a").on(&node);
    let (b, second) = plain("b").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a).child(b)).await;
    assert_eq!(claim(&first, "clerk").await, None);
    let refusal = Some("the name clerk is taken by root/a".to_owned());
    assert_eq!(claim(&second, "clerk").await, refusal);
    assert_eq!(claim(&first, "clerk").await, refusal, "its own name as well");
    assert_eq!(claim(&second, "other").await, None);
}

#[tokio::test]
async fn a_holder_is_found_by_its_name_if_it_hears_such_messages() {
    let (node, _) = node();
    let (a, _) = named("clerk").worker("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(a)).await;
    let found = node.find::<Do>("clerk").expect("it was claimed");
    assert_eq!(life(&found).await, 1);
    assert!(node.find::<()>("clerk").is_none(), "it hears other messages");
    assert!(node.find::<Do>("nobody").is_none());
}

#[tokio::test]
async fn a_name_is_free_before_the_replacement_claims_it_again() {
    let (node, log) = node();
    let (child, handle) = named("clerk").worker("a").on(&node);
    plant(&node, &root(Strategy::OneForOne).child(child)).await;
    for round in 0..50 {
        match round % 2 {
            0 => crash(&handle).await,
            _ => kill(&handle).await,
        };
        let found = node.find::<Do>("clerk");
        assert_eq!(life(&found.unwrap_or_else(|| handle.clone())).await, round + 2);
    }
    assert_eq!(log.count("failed root/a"), 0);
}

#[tokio::test]
async fn a_name_is_free_after_every_kind_of_end() {
    let (node, _) = node();
    let worker = named("clerk").worker("a").restart(Restart::Transient);
    let (child, handle) = worker.shutdown(Shutdown::Brutal).on(&node);
    let root = root(Strategy::OneForOne).child(child);
    plant(&node, &root).await;
    let sup = root.handle();
    end_with(&handle, done()).await;
    assert!(node.find::<Do>("clerk").is_none(), "after an end of its own");
    soon("it rests", async { while sup.restart("a").await.is_err() {} }).await;
    assert_eq!(sup.terminate("a").await, Ok(()));
    assert!(node.find::<Do>("clerk").is_none(), "after a kill");
    assert_eq!(sup.restart("a").await, Ok(()));
    assert!(node.find::<Do>("clerk").is_some());
}

#[tokio::test]
async fn an_actor_that_does_not_start_leaves_no_name_behind() {
    let (node, _) = node();
    let root = root(Strategy::OneForOne);
    plant(&node, &root).await;
    let script = Script::default().init(|_, cx| {
        let claimed = cx.claim("clerk");
        Box::pin(async move {
            claimed?;
            Err("after it took the name".into())
        })
    });
    let (child, _) = script.worker("a").on(&node);
    assert!(root.handle().start(child).await.is_err());
    assert!(node.find::<Do>("clerk").is_none());
}

#[tokio::test]
async fn of_sixty_four_who_race_for_a_name_exactly_one_wins() {
    let (node, _) = node();
    let mut root = root(Strategy::OneForOne);
    let mut handles = Vec::new();
    for number in 0..64 {
        let (child, handle) = plain(&format!("a{number}")).on(&node);
        root = root.child(child);
        handles.push(handle);
    }
    plant(&node, &root).await;
    for name in ["first", "second", "third", "fourth", "fifth"] {
        let won = Arc::new(AtomicUsize::new(0));
        for handle in &handles {
            let won = Arc::clone(&won);
            let claims = at_once(move |cx| {
                won.fetch_add(usize::from(cx.claim(name).is_ok()), Ordering::SeqCst);
                Ok(Next::Go)
            });
            handle.tell(claims).expect("room");
        }
        for handle in &handles {
            life(handle).await;
        }
        assert_eq!(won.load(Ordering::SeqCst), 1, "{name}");
    }
}
