//! Connections, and what strangers may cost by them: how many are open, and how long one may take to ask.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::ServiceExt;

/// Connections that are open at the same time; whoever comes then waits.
const CONNECTIONS: usize = 1024;
/// Bytes of a request before its body; a token may be long.
const HEAD: usize = 32 * 1024;
/// How long the head of a request may take, the wait for another one on the same connection included.
const ASKING: Duration = Duration::from_secs(15);
/// Pause after a connection could not be accepted: the process may have no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long answers may go on after the end was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// Serves pages at one address.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    connections: Arc<Semaphore>,
}

impl Listener {
    /// Listens there.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            socket: TcpListener::bind(address).await?,
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves these pages until the end is asked for, and lets answers under way end.
    pub async fn serve(self, pages: Router, end: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        let accept = async {
            loop {
                let Ok(place) = Arc::clone(&self.connections).acquire_owned().await else {
                    return;
                };
                match self.socket.accept().await {
                    Ok((stream, _)) => {
                        while tasks.try_join_next().is_some() {}
                        let conversation = converse(stream, pages.clone(), stopped.clone());
                        tasks.spawn(async move {
                            conversation.await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a connection was not accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accept => {}
            () = end => {}
        }
        drop(stop);
        let ended = async { while tasks.join_next().await.is_some() {} };
        if timeout(GRACE, ended).await.is_err() {
            tracing::info!("answers that did not end in time were cut off");
        }
    }
}

/// Requests of one connection and their answers.
async fn converse(stream: TcpStream, pages: Router, mut stopped: watch::Receiver<()>) {
    let answer =
        service_fn(move |request: Request<Incoming>| pages.clone().oneshot(request.map(Body::new)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASKING)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let answered = tokio::select! {
        answered = connection.as_mut() => answered,
        // The sender is gone: nothing else is ever sent.
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = answered {
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
    };

    use super::*;

    async fn heard(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        // A reset is an end, too.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn an_answer_under_way_ends_after_the_end_was_asked_for() {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.address().unwrap();
        let slow = get(async || {
            sleep(Duration::from_millis(300)).await;
            "late\n"
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let end = async { stopped.await.unwrap() };
        let serving = tokio::spawn(listener.serve(Router::new().route("/slow", slow), end));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        sleep(Duration::from_millis(100)).await;
        stop.send(()).unwrap();
        assert!(heard(stream).await.ends_with("late\n"));
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    /// Virtual time: it stands still while anything happens, and leaps where all wait.
    #[tokio::test(start_paused = true)]
    async fn who_sends_the_head_of_a_request_too_slowly_is_cut_off() {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.address().unwrap();
        let pages = Router::new().route("/", get(async || "here\n"));
        tokio::spawn(listener.serve(pages, std::future::pending()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        for byte in b"GET / HTTP/1.1\r\nhost: a\r\nx: and so on" {
            // It may be closed before all of it is sent.
            let _ = stream.write_all(&[*byte]).await;
            sleep(Duration::from_secs(1)).await;
        }
        let answer = heard(stream).await;
        assert!(!answer.contains("here"), "{answer}");
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_refused() {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.address().unwrap();
        let pages = Router::new().route("/", get(async || "here\n"));
        tokio::spawn(listener.serve(pages, std::future::pending()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let long = "x".repeat(4 * HEAD);
        // It may be closed before all of it is sent.
        let _ = stream
            .write_all(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n").as_bytes())
            .await;
        let answer = heard(stream).await;
        assert!(!answer.contains("here"), "{answer}");
    }
}
