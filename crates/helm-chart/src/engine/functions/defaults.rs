//! Defaults, choices, types. Pure.

use super::equality::deep_equal;
use super::support::{done, kind_name};
use super::{Function, Param, text};
use crate::engine::value::Value;

use Param::{Any, Bool, String as Text};

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "all",
        Function::variadic(&[], Any, |_, a| Ok(a.iter().all(Value::truth).into())),
    ),
    (
        "any",
        Function::variadic(&[], Any, |_, a| Ok(a.iter().any(Value::truth).into())),
    ),
    (
        "coalesce",
        Function::variadic(&[], Any, |_, a| {
            Ok(a.iter()
                .find(|value| value.truth())
                .cloned()
                .unwrap_or(Value::Nil))
        }),
    ),
    (
        "deepEqual",
        Function::new(&[Any, Any], |call, a| {
            deep_equal(call, &a[0], &a[1], 0).map(Value::Bool)
        }),
    ),
    (
        "default",
        Function::variadic(&[Any], Any, |_, a| {
            Ok(a.get(1)
                .filter(|given| given.truth())
                .unwrap_or(&a[0])
                .clone())
        }),
    ),
    (
        "empty",
        Function::new(&[Any], |_, a| Ok((!a[0].truth()).into())),
    ),
    (
        "kindIs",
        Function::new(&[Text, Any], |_, a| {
            Ok((*text(a, 0) == *kind_name(&a[1])).into())
        }),
    ),
    (
        "kindOf",
        Function::new(&[Any], |_, a| Ok(kind_name(&a[0]).into())),
    ),
    (
        "ternary",
        Function::new(&[Any, Any, Bool], |_, a| {
            Ok(a[usize::from(!a[2].truth())].clone())
        }),
    ),
    (
        "typeIs",
        Function::new(&[Text, Any], |_, a| {
            Ok((*text(a, 0) == *a[1].type_name()).into())
        }),
    ),
    (
        "typeIsLike",
        Function::new(&[Text, Any], |_, a| {
            Ok(type_is_like(&text(a, 0), &a[1]).into())
        }),
    ),
    (
        "typeOf",
        Function::new(&[Any], |call, a| done(call, a[0].type_name())),
    ),
];

fn type_is_like(wanted: &str, value: &Value) -> bool {
    let name = value.type_name();
    name == wanted || name.strip_prefix('*') == Some(wanted)
}
