//! One listener with bounds on what strangers may cost: connections, time and headers. Called by `run`.
//!
//! A connection carries one request and lives for some seconds. When all places are taken, the oldest connection that has not asked
//! anything yet makes room, so that a probe gets in whatever else is open.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};
use tower::ServiceExt;

use super::Tls;

/// Pause after a connection could not be accepted: the process may have no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the connections of one listener may cost.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Open at the same time.
    connections: usize,
    /// Bytes of a request before its body.
    head: usize,
    /// From the connection to the end of the headers, the TLS handshake apart.
    asking: Duration,
    /// From the connection to the end of the answer.
    life: Duration,
}

impl Bounds {
    const USUAL: Self = Self {
        connections: 128,
        head: 16 * 1024,
        asking: Duration::from_secs(5),
        life: Duration::from_secs(15),
    };
}

/// Nothing can be served at an address.
#[derive(thiserror::Error, Debug)]
#[error("cannot listen on {address}; choose another {flag}")]
pub struct ListenError {
    address: SocketAddr,
    flag: &'static str,
    #[source]
    source: io::Error,
}

/// Serves pages at one address.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    tls: Option<Tls>,
    bounds: Bounds,
}

/// A connection that may still be open.
struct Open {
    asked: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Listener {
    /// Listens at `address`, which came from `flag`.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub async fn bind(address: SocketAddr, flag: &'static str) -> Result<Self, ListenError> {
        let refused = |source| ListenError {
            address,
            flag,
            source,
        };
        Ok(Self {
            socket: TcpListener::bind(address).await.map_err(refused)?,
            tls: None,
            bounds: Bounds::USUAL,
        })
    }

    /// The same over TLS.
    #[must_use]
    pub fn over(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Serves these pages until it is dropped.
    pub async fn serve(self, pages: Router) {
        let (mut open, mut tasks) = (VecDeque::new(), JoinSet::new());
        loop {
            let stream = match self.socket.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            while tasks.try_join_next().is_some() {}
            make_room(&mut open, self.bounds.connections);
            let asked = Arc::new(AtomicBool::new(false));
            let conversation = converse(
                stream,
                self.tls.clone(),
                self.bounds,
                pages.clone(),
                Arc::clone(&asked),
            );
            let task = tasks.spawn(timeout(self.bounds.life, conversation));
            open.push_back(Open { asked, task });
        }
    }
}

/// Forgets connections that have ended, and closes one if there is no place for another.
fn make_room(open: &mut VecDeque<Open>, places: usize) {
    open.retain(|one| !one.task.is_finished());
    if open.len() < places {
        return;
    }
    let silent = open
        .iter()
        .position(|one| !one.asked.load(Ordering::Relaxed));
    if let Some(oldest) = open.remove(silent.unwrap_or_default()) {
        oldest.task.abort();
    }
}

/// One request and its answer.
async fn converse(
    stream: TcpStream,
    tls: Option<Tls>,
    bounds: Bounds,
    pages: Router,
    asked: Arc<AtomicBool>,
) {
    let answered = match tls {
        None => answer(stream, bounds, pages, asked).await,
        Some(tls) => match timeout(bounds.asking, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => answer(stream, bounds, pages, asked).await,
            Ok(Err(error)) => {
                tracing::debug!(%error, "no TLS");
                return;
            }
            Err(_) => return,
        },
    };
    if let Err(error) = answered {
        tracing::debug!(%error, "a request was not answered");
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    bounds: Bounds,
    pages: Router,
    asked: Arc<AtomicBool>,
) -> hyper::Result<()> {
    let answer = service_fn(move |request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        pages.clone().oneshot(request.map(Body::new))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.asking)
        .max_buf_size(bounds.head)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Serves one page with these bounds; where.
    async fn serve(bounds: Bounds) -> SocketAddr {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut listener = Listener::bind(address, "--test").await.expect("a port");
        listener.bounds = bounds;
        let address = listener.socket.local_addr().expect("an address");
        let slow = get(async || {
            sleep(Duration::from_hours(1)).await;
            "late\n"
        });
        let pages = Router::new()
            .route("/page", get(async || "here\n"))
            .route("/slow", slow);
        tokio::spawn(listener.serve(pages));
        address
    }

    async fn say(address: SocketAddr, words: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(words).await.expect("sent");
        stream
    }

    /// All that is answered until the connection is closed.
    async fn heard(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        // A reset is an end, too.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).expect("text")
    }

    const REQUEST: &[u8] = b"GET /page HTTP/1.1\r\nhost: a\r\n\r\n";
    const HALF: &[u8] = b"GET /page HTTP/1.1\r\nhost: a\r\nx: ";

    #[tokio::test]
    async fn one_request_is_answered_and_the_connection_closed() {
        let address = serve(Bounds::USUAL).await;
        let answer = heard(say(address, REQUEST).await).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nhere\n"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }

    #[tokio::test]
    async fn whoever_asks_gets_in_beside_connections_that_hold_all_places() {
        let bounds = Bounds {
            connections: 3,
            ..Bounds::USUAL
        };
        let address = serve(bounds).await;
        let mut silent = Vec::new();
        for _ in 0..9 {
            silent.push(say(address, HALF).await);
        }
        let answer = heard(say(address, REQUEST).await).await;
        assert!(answer.ends_with("here\n"), "{answer}");
        // The oldest made room; they hear of it without any time-out.
        for stream in silent.drain(..6) {
            assert_eq!(heard(stream).await, "");
        }
    }

    #[tokio::test]
    async fn a_connection_that_has_asked_goes_after_those_that_have_not() {
        let bounds = Bounds {
            connections: 2,
            ..Bounds::USUAL
        };
        let address = serve(bounds).await;
        let slow = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
        let first = say(address, slow).await;
        sleep(Duration::from_millis(200)).await; // it has been read by then
        let second = say(address, HALF).await;
        let third = say(address, slow).await;
        assert_eq!(heard(second).await, "", "the silent one made room");
        sleep(Duration::from_millis(200)).await;
        let _fourth = say(address, HALF).await;
        assert_eq!(heard(first).await, "", "then the oldest");
        drop(third);
    }

    #[tokio::test]
    async fn headers_that_do_not_end_in_time_end_the_connection() {
        let bounds = Bounds {
            asking: Duration::from_millis(50),
            ..Bounds::USUAL
        };
        let address = serve(bounds).await;
        let answer = heard(say(address, HALF).await).await;
        assert!(!answer.contains("200"), "{answer}");
        assert_eq!(
            heard(say(address, b"").await).await,
            "",
            "nor does a silent one stay"
        );
    }

    #[tokio::test]
    async fn an_answer_that_does_not_end_in_time_ends_the_connection() {
        let bounds = Bounds {
            life: Duration::from_millis(50),
            ..Bounds::USUAL
        };
        let address = serve(bounds).await;
        let stream = say(address, b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(heard(stream).await, "");
    }

    #[tokio::test]
    async fn headers_that_are_too_long_are_refused() {
        let address = serve(Bounds::USUAL).await;
        let long = "x".repeat(Bounds::USUAL.head);
        let request = format!("GET /page HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        // It may be closed before all of it is sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let answer = heard(stream).await;
        assert!(!answer.contains("here"), "{answer}");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
            "{answer}"
        );
    }
}
