//! Values that depend on the device: a YAML document whose strings are Tera templates, compiled once, rendered per device. Pure.
//!
//! `device-values.yaml` of the chart and the administrator's values are read by this. The YAML is parsed first and Tera sees one
//! string at a time, so nothing that a device or a user says can become YAML; what a template yields is never read again.

mod cause;
mod context;
mod error;
mod leaf;
mod sample;
mod scan;
mod tera;

use serde_json::{Map, Value};

pub use self::context::{DeviceContext, DeviceFacts, JobFacts, ReleaseFacts};
pub use self::error::{DeviceValuesError, LeafProblem, RenderError};
pub use self::leaf::LeafError;
use self::leaf::Variable;
pub use self::sample::Sample;
use self::tera::Templates;
use helm_chart::pointer::Pointer;
use helm_chart::values::leaves;
use helm_chart::yaml;

/// Largest document, as text.
const MAX_TEXT: usize = 256 * 1024;
/// Largest result of all templates of a document together.
const MAX_RENDERED: usize = 256 * 1024;

/// A document of values that depend on the device, ready to be rendered.
#[derive(Debug)]
pub struct DeviceValues {
    file: String,
    tree: Node,
    templates: Templates,
    paths: Vec<Pointer>,
}

#[derive(Debug)]
enum Node {
    Literal(Value),
    Bare {
        place: Pointer,
        variable: Variable,
    },
    Template {
        place: Pointer,
        variables: Vec<Variable>,
    },
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
}

impl DeviceValues {
    /// Reads a document; `file` is its name in errors.
    ///
    /// # Errors
    /// Everything that is wrong with it: no YAML, no map, or templates that do what they may not, each with its key.
    pub fn compile(text: &str, file: &str) -> Result<Self, DeviceValuesError> {
        if text.len() > MAX_TEXT {
            return Err(DeviceValuesError::TooLarge {
                file: file.to_owned(),
                limit: MAX_TEXT,
            });
        }
        let document = yaml::parse(text).map_err(|error| DeviceValuesError::Yaml {
            file: file.to_owned(),
            problem: error.in_text(text),
        })?;
        Self::from_document(document, file)
    }

    /// As [`DeviceValues::compile`], for a document that is parsed already. Null is an empty document.
    ///
    /// # Errors
    /// As [`DeviceValues::compile`].
    pub fn from_document(document: Value, file: &str) -> Result<Self, DeviceValuesError> {
        let map = match document {
            Value::Object(map) => map,
            Value::Null => Map::new(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(DeviceValuesError::NotAMap {
                    file: file.to_owned(),
                });
            }
        };
        let paths = leaves(&map).into_iter().map(|(place, _)| place).collect();
        let mut compiler = Compiler {
            templates: Templates::new(),
            problems: Vec::new(),
        };
        let tree = compiler.map(map, &Pointer::root());
        if !compiler.problems.is_empty() {
            let (file, problems) = (file.to_owned(), compiler.problems);
            return Err(DeviceValuesError::Leaves { file, problems });
        }
        Ok(Self {
            file: file.to_owned(),
            tree,
            templates: compiler.templates,
            paths,
        })
    }

    /// The places that this document sets, whatever the device.
    #[must_use]
    pub fn paths(&self) -> &[Pointer] {
        &self.paths
    }

    /// The values for one device.
    ///
    /// # Errors
    /// What a template could not do for this device, with its key and the variable.
    pub fn render(&self, context: &DeviceContext) -> Result<Map<String, Value>, RenderError> {
        let document = context.document();
        let mut renderer = Renderer {
            values: self,
            tera_context: tera::visible(&document),
            document: &document,
            left: MAX_RENDERED,
        };
        match renderer.node(&self.tree)? {
            Value::Object(map) => Ok(map),
            other => unreachable!("the root is a map, not {other}"),
        }
    }
}

struct Compiler {
    templates: Templates,
    problems: Vec<LeafProblem>,
}

impl Compiler {
    fn map(&mut self, map: Map<String, Value>, at: &Pointer) -> Node {
        let mut entries = Vec::with_capacity(map.len());
        for (key, value) in map {
            let place = at.child(&key);
            if leaf::is_template(&key) {
                let error = LeafError::Syntax("a key cannot be a template".to_owned());
                self.problems.push(LeafProblem {
                    path: place.clone(),
                    error,
                });
            }
            entries.push((key, self.node(value, place)));
        }
        Node::Map(entries)
    }

    fn node(&mut self, value: Value, place: Pointer) -> Node {
        match value {
            Value::Object(map) => self.map(map, &place),
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                Node::List(
                    items
                        .map(|(i, item)| self.node(item, place.child(i)))
                        .collect(),
                )
            }
            Value::String(text) if leaf::is_template(&text) => self.template(&text, place),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
                Node::Literal(value)
            }
        }
    }

    fn template(&mut self, text: &str, place: Pointer) -> Node {
        // Tera reads the others too: it knows better what is wrong with their grammar, tests and arguments.
        let compiled = leaf::check(text).and_then(|mut leaf| match leaf.variables.pop() {
            Some(variable) if leaf.is_bare => Ok(Node::Bare {
                place: place.clone(),
                variable,
            }),
            last => {
                leaf.variables.extend(last);
                self.templates.add(&place, text)?;
                Ok(Node::Template {
                    place: place.clone(),
                    variables: leaf.variables,
                })
            }
        });
        compiled.unwrap_or_else(|error| {
            self.problems.push(LeafProblem { path: place, error });
            Node::Literal(Value::Null)
        })
    }
}

struct Renderer<'a> {
    values: &'a DeviceValues,
    document: &'a Value,
    tera_context: ::tera::Context,
    left: usize,
}

impl Renderer<'_> {
    fn node(&mut self, node: &Node) -> Result<Value, RenderError> {
        match node {
            Node::Literal(value) => Ok(value.clone()),
            Node::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, node)| Ok((key.clone(), self.node(node)?)));
                entries.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            Node::List(items) => {
                let items = items.iter().map(|node| self.node(node));
                items.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Node::Bare { place, variable } => match variable.get(self.document) {
                Some(value) => self
                    .bounded(place, value.to_string().len())
                    .map(|()| value.clone()),
                None => Err(self.error(place, Some(variable), "it is not set for this device")),
            },
            Node::Template { place, variables } => self.template(place, variables),
        }
    }

    fn template(&mut self, place: &Pointer, variables: &[Variable]) -> Result<Value, RenderError> {
        let rendered = self
            .values
            .templates
            .render(place, &self.tera_context, self.left);
        let text = rendered.map_err(|message| {
            let missing = variables
                .iter()
                .find(|name| name.get(self.document).is_none());
            self.error(place, missing, &message)
        })?;
        self.bounded(place, text.len())?;
        Ok(Value::String(text))
    }

    fn bounded(&mut self, place: &Pointer, length: usize) -> Result<(), RenderError> {
        self.left = self
            .left
            .checked_sub(length)
            .ok_or_else(|| self.error(place, None, tera::TOO_LARGE))?;
        Ok(())
    }

    fn error(&self, place: &Pointer, variable: Option<&Variable>, message: &str) -> RenderError {
        RenderError {
            file: self.values.file.clone(),
            path: place.clone(),
            variable: variable.map(ToString::to_string),
            message: message.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
