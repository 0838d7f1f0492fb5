//! A watch on its way through the proxy: its events come late, and it ends before its time.

use std::{collections::VecDeque, time::Duration};

use axum::body::{Body, BodyDataStream, Bytes};
use futures::{SinkExt, StreamExt, channel::mpsc};
use tokio::time::{Instant, sleep_until};
use tower::BoxError;

use super::faults::{WatchEnd, WatchFate};

/// Longer than any test.
const NEVER: Duration = Duration::from_hours(24);

/// What the API server says when the history that a watch needs is gone.
const EXPIRED: &str = concat!(
    r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
    r#""message":"too old resource version: 1 (2)","reason":"Expired","code":410}}"#,
    "\n"
);

/// The events of a watch as its fate has it.
pub fn through(events: Body, fate: WatchFate) -> Body {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(pass(events.into_data_stream(), sender, fate));
    Body::from_stream(receiver)
}

async fn pass(
    mut events: BodyDataStream,
    mut client: mpsc::Sender<Result<Bytes, BoxError>>,
    fate: WatchFate,
) {
    let (mut lines, mut late) = (Lines::default(), VecDeque::new());
    let end = Instant::now() + fate.end.map_or(NEVER, |(after, _)| after);
    loop {
        let due = late.front().map_or(end, |(due, _)| *due);
        tokio::select! {
            () = sleep_until(due.min(end)) => {
                let Some((_, line)) = late.pop_front().filter(|_| due < end) else { break };
                if client.send(Ok(line)).await.is_err() {
                    return;
                }
            }
            chunk = events.next() => match chunk {
                Some(Ok(chunk)) => {
                    let due = Instant::now() + fate.delay;
                    late.extend(lines.whole(&chunk).map(|line| (due, line)));
                }
                Some(Err(_)) | None => break,
            }
        }
    }
    let _ = match fate.end {
        Some((_, WatchEnd::Expired)) => client.send(Ok(EXPIRED.into())).await,
        Some((_, WatchEnd::Cut)) => {
            let _ = client.send(Ok(Bytes::from_static(b"{\"type\":"))).await;
            client.send(Err("cut".into())).await
        }
        Some((_, WatchEnd::Closed)) | None => Ok(()),
    };
}

/// Chunks put together to lines.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn whole(&mut self, chunk: &[u8]) -> impl Iterator<Item = Bytes> + use<> {
        self.0.extend_from_slice(chunk);
        let end = self.0.iter().rposition(|byte| *byte == b'\n');
        let rest = self.0.split_off(end.map_or(0, |end| end + 1));
        let whole = std::mem::replace(&mut self.0, rest);
        (!whole.is_empty()).then(|| Bytes::from(whole)).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_go_on() {
        let mut lines = Lines::default();
        let mut whole = |chunk: &str| {
            let whole: Vec<_> = lines.whole(chunk.as_bytes()).collect();
            String::from_utf8(whole.concat()).unwrap()
        };
        assert_eq!(whole("{\"a\":"), "");
        assert_eq!(whole("1}\n{\"b\":2}\n{"), "{\"a\":1}\n{\"b\":2}\n");
        assert_eq!(whole("}\n"), "{}\n");
    }
}
