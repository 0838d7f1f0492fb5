//! What a value is made of: whether the text of a device, and nothing else, is to blame for a value that cannot be used. Pure.
//!
//! Called where a value breaks the schema: a device's own text fails that device alone, anything else the whole job.

use super::{DeviceValues, Node, leaf::Variable};
use helm_chart::pointer::Pointer;

impl DeviceValues {
    /// The properties of the device that make the value at or around this place, as the Instance names them; none where it is
    /// literal or made of anything else.
    #[must_use]
    pub fn device_properties(&self, place: &Pointer) -> Vec<String> {
        let variables = variables(&self.tree, place);
        let properties: Option<Vec<String>> = variables.iter().map(|it| property(it)).collect();
        let mut properties = properties.unwrap_or_default();
        properties.sort();
        properties.dedup();
        properties
    }
}

fn variables<'a>(node: &'a Node, wanted: &Pointer) -> Vec<&'a Variable> {
    match node {
        Node::Bare { place, variable } if wanted.is_within(place) => vec![variable],
        Node::Template { place, variables } if wanted.is_within(place) => {
            variables.iter().collect()
        }
        Node::Literal(_) | Node::Bare { .. } | Node::Template { .. } => Vec::new(),
        Node::Map(entries) => {
            let nodes = entries.iter().map(|(_, node)| node);
            nodes.flat_map(|node| variables(node, wanted)).collect()
        }
        Node::List(items) => {
            let nodes = items.iter();
            nodes.flat_map(|node| variables(node, wanted)).collect()
        }
    }
}

/// The property of an Instance behind a variable of the device; none for what is not the device's own text.
fn property(variable: &Variable) -> Option<String> {
    let text = variable.to_string();
    let name = match text.as_str() {
        "device.type" => "DEVICE",
        "device.applicationType" => "APPLICATION_TYPE",
        "device.version" => "VERSION",
        "device.endpoint" | "device.address" => "HOST_ENDPOINT",
        "device.configuration" => "configurationName",
        "device.properties" => "brokerProperties",
        other if other.starts_with("device.nodes") => "nodes",
        other => {
            let rest = other.strip_prefix("device.properties")?;
            let name = rest.trim_start_matches('.');
            let quoted = name
                .strip_prefix("[\"")
                .and_then(|it| it.strip_suffix("\"]"));
            return Some(quoted.unwrap_or(name).to_owned());
        }
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const VALUES: &str = r#"
firmware: "{{ job.firmware }}"
device:
  type: "{{ device.type }}"
  both: "{{ device.type }}-{{ device.applicationType }}"
  mixed: "{{ job.name }}-{{ device.type }}"
labels: "{{ device.properties }}"
list: [plain, "{{ device.properties.SITE }}"]
odd: '{{ device.properties["a-b"] }}'
plain: text
"#;

    #[rstest]
    #[case::one("/device/type", &["DEVICE"])]
    #[case::two("/device/both", &["APPLICATION_TYPE", "DEVICE"])]
    #[case::inside_a_value_that_is_a_map("/labels/SITE", &["brokerProperties"])]
    #[case::in_a_list("/list/1", &["SITE"])]
    #[case::quoted("/odd", &["a-b"])]
    #[case::the_job_has_a_part_in_it("/device/mixed", &[])]
    #[case::the_job_s_alone("/firmware", &[])]
    #[case::literal("/plain", &[])]
    #[case::around_it("/device", &[])]
    #[case::unset("/nowhere", &[])]
    fn a_value_is_the_device_s_where_nothing_but_its_text_makes_it(
        #[case] place: &str,
        #[case] wanted: &[&str],
    ) {
        let values = DeviceValues::compile(VALUES, "test").unwrap();
        assert_eq!(values.device_properties(&place.parse().unwrap()), wanted);
    }
}
