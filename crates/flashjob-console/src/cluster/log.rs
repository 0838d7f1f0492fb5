//! The log of a flash Pod: its end, and what is written to it meanwhile, with the caller's token. Reads only.

use std::pin::Pin;

use flashjob_operator::{display, names::FLASH_CONTAINER};
use futures::{AsyncRead, AsyncReadExt, Stream, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams};
use tokio::time::timeout;

use super::{Caller, follow};
use crate::{problem::Problem, server::PATIENCE};

/// Lines of the end of a log.
const LINES: i64 = 500;
/// Bytes that are read at once, and the longest line that stays whole.
const CHUNK: usize = 16 * 1024;
/// Most bytes of the end of a log.
const MOST: usize = 256 * 1024;

/// Whole lines of a log as they come, each piece with what cannot be seen escaped.
pub type Lines = Pin<Box<dyn Stream<Item = String> + Send>>;

impl Caller {
    /// The log of a flash Pod from its last lines on; with `follow`, what is written to it until it ends.
    ///
    /// # Errors
    /// When the API server refuses, or the Pod does not exist.
    pub async fn log(&self, namespace: &str, pod: &str, follow: bool) -> Result<Lines, Problem> {
        self.stands()?;
        let pods: Api<Pod> = Api::namespaced(self.client().clone(), namespace);
        let parameters = LogParams {
            container: Some(FLASH_CONTAINER.to_owned()),
            tail_lines: Some(LINES),
            follow,
            ..LogParams::default()
        };
        let log = timeout(PATIENCE, pods.log_stream(pod, &parameters)).await;
        let log = log.map_err(|_| follow::silent())?;
        let log = log.map_err(|error| follow::problem(&error))?;
        Ok(lines(Box::pin(log)))
    }
}

/// The pieces of a log together, at most 256 KiB of their end.
pub async fn end_of(lines: Lines) -> String {
    use futures::StreamExt;
    let mut end = lines
        .fold(String::new(), async |mut end, piece| {
            end.push_str(&piece);
            if end.len() > 2 * MOST {
                cut(&mut end);
            }
            end
        })
        .await;
    cut(&mut end);
    end
}

/// Leaves the last whole lines that fit.
fn cut(end: &mut String) {
    if end.len() > MOST {
        let from = end.ceil_char_boundary(end.len() - MOST);
        let from = end[from..].find('\n').map_or(from, |line| from + line + 1);
        end.drain(..from);
    }
}

/// Reads whole lines, as many as there are; of a line without end, pieces.
fn lines<R: AsyncRead + Unpin + Send + 'static>(log: R) -> Lines {
    let pieces = stream::unfold(Some((log, Vec::new())), async |state| {
        let (mut log, mut kept) = state?;
        loop {
            let mut chunk = vec![0; CHUNK];
            // A broken connection ends the log. The reader asks again.
            let read = log.read(&mut chunk).await.unwrap_or(0);
            if read == 0 {
                let last = shown(&kept);
                return (!last.is_empty()).then_some((last, None));
            }
            kept.extend_from_slice(&chunk[..read]);
            let line = kept.iter().rposition(|byte| *byte == b'\n');
            let end = line.map_or(0, |at| at + 1);
            let end = if end == 0 && kept.len() >= CHUNK {
                kept.len()
            } else {
                end
            };
            if end > 0 {
                let piece = shown(&kept[..end]);
                kept.drain(..end);
                return Some((piece, Some((log, kept))));
            }
        }
    });
    Box::pin(pieces)
}

fn shown(bytes: &[u8]) -> String {
    display::block(&String::from_utf8_lossy(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, io::Cursor};

    use super::*;

    async fn read(log: Vec<u8>) -> Vec<String> {
        lines(Cursor::new(log)).collect().await
    }

    #[tokio::test]
    async fn lines_come_whole_and_what_cannot_be_seen_is_escaped() {
        let log = b"one\ntwo\x1b[2J\nthree".to_vec();
        assert_eq!(read(log).await, ["one\ntwo\\u{1b}[2J\n", "three"]);
        assert!(read(Vec::new()).await.is_empty());
    }

    #[tokio::test]
    async fn a_line_without_end_comes_in_pieces() {
        let pieces = read(vec![b'x'; 5 * CHUNK]).await;
        assert_eq!(pieces.len(), 5);
        assert!(pieces.iter().all(|piece| piece.len() == CHUNK));
    }

    #[tokio::test]
    async fn of_a_long_log_the_last_whole_lines_are_kept() {
        let line = format!("{}\n", "é".repeat(100));
        let log = line.repeat(4 * MOST / line.len());
        let end = end_of(lines(Cursor::new(log.into_bytes()))).await;
        assert!(end.len() <= MOST && end.len() > MOST - 2 * line.len());
        assert!(end.starts_with('é') && end.len() % line.len() == 0);
    }
}
