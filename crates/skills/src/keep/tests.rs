use super::*;

const SHOWN_MAX: usize = HEAD_BYTES + TAIL_BYTES;

/// What is shown and what is attached of `a`s with a `b` before and a `c` behind them, taken in
/// pieces.
fn kept(bytes: usize, piece: usize) -> (String, Option<Vec<u8>>) {
    let mut stream = vec![b'a'; bytes];
    stream[0] = b'b';
    stream[bytes - 1] = b'c';
    let mut kept = Kept::default();
    stream.chunks(piece).for_each(|piece| kept.take(piece));
    let shown = kept.shown();
    let attached =
        kept.attachment("stdout", Media::Text).map(|attachment| match attachment.content {
            Content::Bytes(bytes) => bytes,
            Content::Kept { .. } | Content::Lost { .. } => panic!("nobody has stored it"),
        });
    (shown, attached)
}

#[test]
fn what_fits_is_shown_as_it_is_and_attached_to_nothing() {
    for piece in [1, 7, 4096, 100_000] {
        let (shown, attached) = kept(SHOWN_MAX, piece);
        assert_eq!(shown.len(), SHOWN_MAX, "in pieces of {piece}");
        assert_eq!(attached, None);
    }
}

#[test]
fn one_byte_too_many_shows_both_ends_and_attaches_all() {
    for piece in [1, 7, 4096, 100_000] {
        let (shown, attached) = kept(SHOWN_MAX + 1, piece);
        let (head, tail) = shown.split_once("\n[… 1 bytes are left out here …]\n").expect("a mark");
        assert_eq!((head.len(), tail.len()), (HEAD_BYTES, TAIL_BYTES));
        assert!(head.starts_with('b') && tail.ends_with('c'));
        assert_eq!(attached.map(|bytes| bytes.len()), Some(SHOWN_MAX + 1));
    }
}

#[test]
fn what_is_kept_is_cut_at_its_bound_with_a_count_of_the_rest() {
    let (_, attached) = kept(KEPT_BYTES_MAX, 65_536);
    assert_eq!(attached.map(|bytes| bytes.len()), Some(KEPT_BYTES_MAX));

    let (shown, attached) = kept(KEPT_BYTES_MAX + 10, 65_536);
    let mark = b"\n[\xe2\x80\xa6 10 more bytes were dropped \xe2\x80\xa6]\n";
    let attached = attached.expect("it is too long to be shown");
    assert_eq!(&attached[KEPT_BYTES_MAX..], mark);
    assert!(shown.ends_with('c'), "the end is shown although it was dropped");
}

#[test]
fn what_is_no_text_is_shown_as_far_as_it_is() {
    let mut kept = Kept::default();
    kept.take(b"a\xff\0z");
    assert_eq!(kept.shown(), "a\u{fffd}\0z");
}

#[test]
fn the_last_lines_are_told_whole() {
    let rows = [
        ("", 9, ""),
        ("a\nb\n", 9, "a\nb"),
        ("aaaa\nbbbb\n", 7, "bbbb"),
        ("aaaaaaaa", 4, "aaaa"),
        ("aaaaaaa\n", 4, "aaa"),
    ];
    for (text, bytes_max, expected) in rows {
        let mut kept = Kept::default();
        kept.take(text.as_bytes());
        assert_eq!(kept.last(bytes_max), expected, "{text:?}");
    }
}

#[test]
fn both_ends_are_joined_where_nothing_is_missing_between_them() {
    let (most, tail) = (10_000, TAIL_BYTES);
    for (bytes, mark) in [(most, ""), (most + 1, ""), (most + tail, ""), (most + tail + 1, "1")] {
        let mut kept = Kept::new(most);
        kept.take(&vec![b'a'; bytes]);
        assert_eq!(kept.is_whole(), bytes == most);
        let both = String::from_utf8(kept.into_both_ends()).expect("text");
        let mark = match mark {
            "" => String::new(),
            count => format!("\n[… {count} bytes are left out here …]\n"),
        };
        assert!(both.contains(&mark), "{bytes}");
        assert_eq!(both.len(), bytes.min(most + tail) + mark.len(), "{bytes}");
    }
}
