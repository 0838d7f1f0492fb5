//! The store behind the API server: a test takes an object out of it and puts the very same object back, uid included.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::ControlPlane;

/// An object as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    key: String,
    value: String,
}

impl ControlPlane {
    /// Takes the object at this key out of the store. To every watcher it is deleted.
    pub fn take_out(&self, key: &str) -> Stored {
        let key = STANDARD.encode(key);
        let found = self.etcd("range", &json!({"key": key}));
        let value = found["kvs"][0]["value"].as_str();
        let value = value.unwrap_or_else(|| panic!("nothing is stored there: {found}"));
        self.etcd("deleterange", &json!({"key": key}));
        Stored {
            value: value.to_owned(),
            key,
        }
    }

    /// Puts an object back as it was. To every watcher it appears.
    pub fn put_back(&self, stored: &Stored) {
        self.etcd("put", &json!({"key": stored.key, "value": stored.value}));
    }

    fn etcd(&self, verb: &str, request: &Value) -> Value {
        let ports = std::fs::read_to_string(self.directory().join("ports")).unwrap();
        let address = format!("127.0.0.1:{}", ports.lines().nth(1).unwrap());
        let (mut stream, body) = (TcpStream::connect(address).unwrap(), request.to_string());
        let length = body.len();
        // HTTP/1.0: the answer ends where the connection does.
        write!(
            stream,
            "POST /v3/kv/{verb} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "etcd {verb}: {answer}");
        serde_json::from_str(body).unwrap()
    }
}
