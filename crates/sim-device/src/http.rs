//! A small HTTP server: one thread a connection, one request each.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request, as far as devices read it.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: Vec<u8>,
}

/// Status, media type, body; none closes without an answer.
pub type Answer = Option<(u16, &'static str, Vec<u8>)>;

type Handler = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// A server that ends when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens there; with port 0 on a free one.
    pub fn start(
        address: SocketAddr,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::start_with(address, None, handler)
    }

    /// The same, over TLS where it has a configuration for that.
    pub fn start_with(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        // The thread has to notice that it is to end.
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let handler: Handler = Arc::new(handler);
        let thread = std::thread::spawn({
            let stop = stop.clone();
            move || accept(&listener, &stop, tls.as_ref(), &handler)
        });
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(
    listener: &TcpListener,
    stop: &AtomicBool,
    tls: Option<&Arc<ServerConfig>>,
    handler: &Handler,
) {
    while !stop.load(Ordering::Relaxed) {
        if let Ok((stream, _)) = listener.accept() {
            let (handler, tls) = (handler.clone(), tls.cloned());
            std::thread::spawn(move || greet(stream, tls, &handler));
        } else {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn greet(stream: TcpStream, tls: Option<Arc<ServerConfig>>, handler: &Handler) -> Option<()> {
    stream.set_nonblocking(false).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    let Some(tls) = tls else {
        return serve(stream, handler);
    };
    let mut stream = StreamOwned::new(ServerConnection::new(tls).ok()?, stream);
    serve(&mut stream, handler)?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

fn serve(mut stream: impl Read + Write, handler: &Handler) -> Option<()> {
    let request = read(&mut BufReader::new(&mut stream))?;
    let (status, kind, body) = handler(&request)?;
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).ok()?;
    stream.flush().ok()
}

fn read(stream: &mut impl BufRead) -> Option<Request> {
    let mut lines = stream.by_ref().lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Request { method, path, body })
}
