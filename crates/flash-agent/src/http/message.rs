//! Requests and answers as bytes. Pure.

use std::fmt::Write;

use super::Request;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Such as 200.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// What it carries.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// The bytes of a request. The server closes behind its answer.
pub fn encode(request: &Request<'_>) -> Vec<u8> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: flash-agent\r\nConnection: close\r\n",
        request.method, request.url.path, request.url.authority
    );
    for (name, value) in request.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if request.method == "POST" {
        let _ = write!(head, "Content-Length: {}\r\n", request.body.len());
    }
    head += "\r\n";
    [head.as_bytes(), request.body].concat()
}

/// Whether the answer is as long as it says; one that does not say ends with the connection.
pub fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else {
        return false;
    };
    let Some((_, headers)) = parse_head(head) else {
        return true;
    };
    match header(&headers, "content-length").map(str::parse::<usize>) {
        Some(Ok(length)) => body.len() >= length,
        Some(Err(_)) => true,
        None => is_chunked(&headers) && body.ends_with(b"0\r\n\r\n") && unchunk(body).is_some(),
    }
}

/// Reads an answer; none where it is not HTTP or was cut off.
pub fn parse(answer: &[u8]) -> Option<Response> {
    let (head, body) = split(answer)?;
    let (status, headers) = parse_head(head)?;
    let body = if is_chunked(&headers) {
        unchunk(body)?
    } else if let Some(length) = header(&headers, "content-length") {
        body.get(..length.parse().ok()?)?.to_vec()
    } else {
        body.to_vec()
    };
    Some(Response {
        status,
        headers,
        body,
    })
}

fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    Some((head, &answer[end + 4..]))
}

fn parse_head(head: &str) -> Option<(u16, Vec<(String, String)>)> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    if !first.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let status = first.next()?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Some((status, headers))
}

fn is_chunked(headers: &[(String, String)]) -> bool {
    header(headers, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
}

/// Puts chunks together; none where one is missing.
fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let line = std::str::from_utf8(&body[..end]).ok()?;
        let size = line.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        body = &body[end + 2..];
        if size == 0 {
            return Some(whole);
        }
        let (chunk, rest) = body.split_at_checked(size)?;
        whole.extend_from_slice(chunk);
        body = rest.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_request_says_how_long_it_is() {
        let url = "http://198.51.100.9:81/update".parse().unwrap();
        let request = Request {
            method: "POST",
            url: &url,
            headers: &[("Content-Type", "text/plain")],
            body: b"ip: 192.0.2.7",
        };
        assert_eq!(
            String::from_utf8(encode(&request)).unwrap(),
            "POST /update HTTP/1.1\r\nHost: 198.51.100.9:81\r\nUser-Agent: flash-agent\r\nConnection: close\r\n\
             Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nip: 192.0.2.7"
        );
    }

    #[rstest]
    #[case::sized("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab", Some("ab"))]
    #[case::longer_than_it_says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", Some("a"))]
    #[case::until_the_end("HTTP/1.0 200 OK\r\n\r\nabc", Some("abc"))]
    #[case::chunked(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        Some("abc")
    )]
    #[case::cut_off("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", None)]
    #[case::cut_off_in_a_chunk(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        None
    )]
    #[case::another_protocol("SSH-2.0-x\r\n\r\n", None)]
    fn an_answer_is_read_whole_or_not_at_all(#[case] answer: &str, #[case] want: Option<&str>) {
        let found = parse(answer.as_bytes()).map(|response| response.body);
        assert_eq!(found.as_deref(), want.map(str::as_bytes));
    }

    #[rstest]
    #[case::head_alone("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", false)]
    #[case::part("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", false)]
    #[case::all("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", true)]
    #[case::without_a_length("HTTP/1.1 200 OK\r\n\r\nab", false)]
    #[case::all_chunks("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true)]
    fn reading_stops_when_an_answer_is_as_long_as_it_says(
        #[case] answer: &str,
        #[case] want: bool,
    ) {
        assert_eq!(is_whole(answer.as_bytes()), want);
    }
}
