//! Requests as the API server itself counts them, and the operator's own metrics.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
};

use http::Request;
use kube::Client;

/// Requests so far, by verb.
pub type Requests = BTreeMap<String, f64>;

/// Asks the API server for its metrics.
pub async fn requests(client: &Client) -> Requests {
    let request = Request::get("/metrics").body(Vec::new()).unwrap();
    let text = client.request_text(request).await.unwrap();
    let mut requests = Requests::new();
    let counters = text
        .lines()
        .filter_map(|line| line.strip_prefix("apiserver_request_total{"));
    for counter in counters {
        let Some((labels, value)) = counter.rsplit_once(' ') else {
            continue;
        };
        let verb = labels.split(',').find_map(|label| {
            let label = label.trim_end_matches('}');
            label.strip_prefix("verb=\"")?.strip_suffix('"')
        });
        let Some(verb) = verb else { continue };
        *requests.entry(verb.to_owned()).or_default() += value.parse().unwrap_or(0.0);
    }
    requests
}

/// A counter or gauge without labels of the operator that listens there; none while it does not answer.
pub fn of_operator(port: u16, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    // HTTP/1.0: the answer ends where the connection does.
    write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}
