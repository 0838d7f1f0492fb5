//! The cluster's DNS, as far as Pods of the tests ask: addresses of Services, by their full names.

use std::{io, net::Ipv4Addr};

use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client};
use tokio::net::UdpSocket;

use super::NODE;
use crate::{ControlPlane, ask::background};

/// What names of Services end with.
const ZONE: &str = "svc.cluster.local";

/// Length of the head of a message.
const HEAD: usize = 12;

/// Type of a question for IPv4 addresses.
const A: u16 = 1;

/// Answers at the address that the kubelet tells Pods, for as long as the process lives.
pub fn start(plane: &'static ControlPlane) {
    background().spawn(async move {
        let client = plane.client("admin").await;
        if let Err(error) = serve(&client).await {
            eprintln!("DNS ended: {error}");
        }
    });
}

async fn serve(client: &Client) -> io::Result<()> {
    let socket = UdpSocket::bind((NODE, 53)).await?;
    let mut buffer = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        let message = &buffer[..length];
        let Some(question) = Question::parse(message) else {
            continue;
        };
        let address = look_up(client, &question.name).await;
        let answer = question.answer(message, address);
        socket.send_to(&answer, from).await?;
    }
}

/// The address of a Service; none where there is no such name.
async fn look_up(client: &Client, name: &str) -> Option<Ipv4Addr> {
    let (service, namespace) = name.strip_suffix(ZONE)?.trim_matches('.').split_once('.')?;
    let api = Api::<Service>::namespaced(client.clone(), namespace);
    let spec = api.get_opt(service).await.ok()??.spec?;
    spec.cluster_ip?.parse().ok()
}

/// What somebody asks.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    name: String,
    kind: u16,
    /// Where it ends in the message.
    end: usize,
}

impl Question {
    /// The first of a message.
    fn parse(message: &[u8]) -> Option<Self> {
        let (mut labels, mut at) = (Vec::new(), HEAD);
        loop {
            let length = usize::from(*message.get(at)?);
            let label = message.get(at + 1..at + 1 + length)?;
            at += 1 + length;
            if label.is_empty() {
                break;
            }
            labels.push(String::from_utf8_lossy(label).to_lowercase());
        }
        let kind = message.get(at..at + 2)?;
        Some(Self {
            name: labels.join("."),
            kind: u16::from_be_bytes(kind.try_into().ok()?),
            end: at + 4,
        })
    }

    /// The message that answers it. A name that exists and has no address of the kind is no error.
    fn answer(&self, message: &[u8], address: Option<Ipv4Addr>) -> Vec<u8> {
        let told = address.filter(|_| self.kind == A);
        let code = if address.is_some() { 0 } else { 3 };
        let mut answer = message[..2].to_vec();
        answer.extend([
            0x81,
            0x80 | code,
            0,
            1,
            0,
            u8::from(told.is_some()),
            0,
            0,
            0,
            0,
        ]);
        answer.extend(&message[HEAD..self.end.min(message.len())]);
        if let Some(address) = told {
            // The name is that of the question; kind and class, five seconds, four bytes.
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4]);
            answer.extend(address.octets());
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(kind: u8) -> Vec<u8> {
        let mut message = vec![7, 8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in ["Metrics", "fleet"] {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.bytes());
        }
        message.extend([0, 0, kind, 0, 1]);
        message
    }

    #[test]
    fn a_name_is_answered_with_its_address() {
        let message = asked(1);
        let question = Question::parse(&message).unwrap();
        assert_eq!(question.name, "metrics.fleet");
        let answer = question.answer(&message, Some(Ipv4Addr::new(10, 96, 0, 7)));
        assert_eq!(answer[..12], [7, 8, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(answer[12..message.len()], message[12..]);
        assert!(answer.ends_with(&[0, 4, 10, 96, 0, 7]), "{answer:?}");
    }

    #[test]
    fn a_name_without_an_address_of_the_kind_is_no_error_and_one_that_nobody_has_is() {
        let message = asked(28);
        let question = Question::parse(&message).unwrap();
        let codes = [Some(Ipv4Addr::LOCALHOST), None].map(|address| {
            let answer = question.answer(&message, address);
            (answer[3], answer[7], answer.len())
        });
        assert_eq!(codes, [(0x80, 0, message.len()), (0x83, 0, message.len())]);
    }

    #[test]
    fn a_message_that_is_cut_off_asks_nothing() {
        let message = asked(1);
        assert!((0..message.len() - 3).all(|end| Question::parse(&message[..end]).is_none()));
    }
}
