//! The end of a log, however long the log is. Reads from the stream that it is given; called by `read`.

use futures::{AsyncRead, AsyncReadExt};

/// Bytes that are asked for at once.
const CHUNK: usize = 64 * 1024;

/// The last `limit` bytes of a stream, from the beginning of a line on; holds little more than twice as much at any time.
///
/// The API server's own `limitBytes` would keep the beginning, and what a log says last decides. Half of a line could pass for
/// something that the whole line does not say, so the first one goes unless it is whole.
///
/// # Errors
/// Those of the stream.
pub(super) async fn end_of(
    mut log: impl AsyncRead + Unpin,
    limit: usize,
) -> std::io::Result<Vec<u8>> {
    let (mut kept, mut chunk) = (Vec::new(), vec![0; CHUNK]);
    let mut dropped = None;
    loop {
        let read = log.read(&mut chunk).await?;
        kept.extend_from_slice(&chunk[..read]);
        if kept.len() > 2 * limit || (read == 0 && kept.len() > limit) {
            let surplus = kept.len() - limit;
            dropped = Some(kept[surplus - 1]);
            kept.drain(..surplus);
        }
        if read == 0 {
            break;
        }
    }
    if dropped.is_some_and(|last| last != b'\n') {
        let line = kept.iter().position(|byte| *byte == b'\n');
        kept.drain(..line.map_or(kept.len(), |end| end + 1));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use futures::io;
    use proptest::prelude::*;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    fn end(log: &str, limit: usize) -> String {
        String::from_utf8(block_on(end_of(log.as_bytes(), limit)).unwrap()).unwrap()
    }

    #[test]
    fn what_a_log_says_last_is_kept_and_no_line_is_torn() {
        assert_eq!(end("one\ntwo\n", 8), "one\ntwo\n");
        assert_eq!(end("one\ntwo\n", 7), "two\n");
        assert_eq!(end("one\ntwo\n", 4), "two\n");
        assert_eq!(end("one\ntwo", 2), "");
        assert_eq!(end("FIRMWARE=sent\nend\n", 8), "end\n");
        assert_eq!(end("", 4), "");
    }

    #[test]
    fn a_hundred_mebibytes_are_read_in_little_memory() {
        let noise = io::repeat(b'x').take(100 << 20);
        let log = noise.chain(io::Cursor::new(
            b"\nVerified device\nFirmware sent to IoT\n",
        ));
        let kept = block_on(end_of(log, 1 << 20)).unwrap();
        assert_eq!(kept, b"Verified device\nFirmware sent to IoT\n");
        assert!(kept.capacity() <= 4 << 20, "{}", kept.capacity());
    }

    proptest! {
        #[test]
        fn the_end_is_the_longest_one_of_whole_lines_within_the_limit(log in "[ab\n]{0,300}", limit in 1_usize..100) {
            let cuts = log.match_indices('\n').map(|(at, _)| at + 1);
            let longest = std::iter::once(0).chain(cuts).find(|start| log.len() - start <= limit);
            prop_assert_eq!(end(&log, limit), &log[longest.unwrap_or(log.len())..]);
        }
    }
}
