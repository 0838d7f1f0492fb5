//! What is known of values before there is a device: what is literal, and where a template makes the value. Pure.

use serde_json::{Map, Value};

use super::{DeviceContext, DeviceFacts, DeviceValues, JobFacts, Node, ReleaseFacts, Renderer};
use super::{MAX_RENDERED, tera};
use helm_chart::pointer::Pointer;

/// What stands where a template has no result for the sample.
const SAMPLE: &str = "sample";

/// The values for a device that nobody knows.
#[derive(Debug)]
pub struct Sample {
    /// As they are for a made-up device.
    pub values: Map<String, Value>,
    /// Where a template makes the value: another device may have another one there.
    pub open: Vec<Pointer>,
}

impl DeviceValues {
    /// The values for a made-up device, and where those of another device may differ.
    #[must_use]
    pub fn sample(&self) -> Sample {
        let document = context().document();
        let mut renderer = Renderer {
            values: self,
            tera_context: tera::visible(&document),
            document: &document,
            left: MAX_RENDERED,
        };
        let mut open = Vec::new();
        let values = match sampled(&mut renderer, &self.tree, &mut open) {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Sample { values, open }
    }

    /// The name of the document.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.file
    }
}

fn sampled(renderer: &mut Renderer<'_>, node: &Node, open: &mut Vec<Pointer>) -> Value {
    match node {
        Node::Literal(value) => value.clone(),
        Node::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, node)| (key.clone(), sampled(renderer, node, open)));
            Value::Object(entries.collect())
        }
        Node::List(items) => {
            let items = items.iter().map(|node| sampled(renderer, node, open));
            Value::Array(items.collect())
        }
        Node::Bare { place, .. } | Node::Template { place, .. } => {
            open.push(place.clone());
            renderer.node(node).unwrap_or_else(|_| SAMPLE.into())
        }
    }
}

fn context() -> DeviceContext {
    let text = || SAMPLE.to_owned();
    DeviceContext {
        device: DeviceFacts {
            uuid: text(),
            endpoint: "192.0.2.1".into(),
            address: "192.0.2.1".into(),
            kind: text(),
            application_type: text(),
            version: "1".into(),
            nodes: vec![text()],
            configuration: text(),
            properties: [].into(),
        },
        job: JobFacts {
            name: text(),
            namespace: text(),
            uid: text(),
            firmware: text(),
            version: "1".into(),
        },
        release: ReleaseFacts {
            name: text(),
            attempt: text(),
        },
    }
}
