use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Patient;

#[tokio::test]
async fn a_caller_that_reads_nothing_is_cut() {
    let (near, _far) = tokio::io::duplex(8);
    let mut near = Patient::new(near, Duration::from_millis(20));

    let failure = near.write_all(&[0; 100]).await.expect_err("nobody reads");
    assert_eq!(failure.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_caller_that_reads_is_waited_for() {
    let (near, mut far) = tokio::io::duplex(8);
    let mut near = Patient::new(near, Duration::from_secs(3_600));

    let mut read = [0; 100];
    let (written, filled) = tokio::join!(near.write_all(&[7; 100]), far.read_exact(&mut read));
    written.expect("everything is read");
    filled.expect("everything is written");
    assert_eq!(read, [7; 100]);
}
