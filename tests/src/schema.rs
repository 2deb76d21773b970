//! As much of JSON Schema as an `outputSchema` needs, so that a test can check results as clients do.

use serde_json::{Map, Value};

/// Whether a schema admits a value. Keywords that are not known here admit everything.
#[must_use]
pub fn admits(schema: &Value, value: &Value) -> bool {
    let Some(schema) = schema.as_object() else { return schema != &Value::Bool(false) };
    schema.iter().all(|(keyword, wanted)| holds(schema, keyword, wanted, value))
}

fn holds(schema: &Map<String, Value>, keyword: &str, wanted: &Value, value: &Value) -> bool {
    match keyword {
        "type" => match wanted {
            Value::Array(types) => types.iter().any(|wanted| is_of_type(wanted, value)),
            wanted => is_of_type(wanted, value),
        },
        "const" => wanted == value,
        "enum" => list(wanted).contains(value),
        "anyOf" => list(wanted).iter().any(|schema| admits(schema, value)),
        "oneOf" => list(wanted).iter().filter(|schema| admits(schema, value)).count() == 1,
        "allOf" => list(wanted).iter().all(|schema| admits(schema, value)),
        "not" => !admits(wanted, value),
        "required" => value.as_object().is_none_or(|object| {
            list(wanted).iter().all(|name| name.as_str().is_some_and(|name| object.contains_key(name)))
        }),
        "properties" => value.as_object().is_none_or(|object| {
            object.iter().all(|(name, value)| wanted.get(name).is_none_or(|schema| admits(schema, value)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let known = |name: &str| schema.get("properties").is_some_and(|known| known.get(name).is_some());
            object.iter().all(|(name, value)| known(name) || admits(wanted, value))
        }),
        _ => true,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is_of_type(wanted: &Value, value: &Value) -> bool {
    match wanted.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_admits_what_a_schema_describes_and_nothing_else() {
        let schema = json!({
            "type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"],
            "additionalProperties": false
        });
        assert!(admits(&schema, &json!({"id": "x"})));
        for wrong in [json!({}), json!({"id": 1}), json!({"id": "x", "y": 1}), json!("x")] {
            assert!(!admits(&schema, &wrong), "{wrong}");
        }
        assert!(admits(&json!({"anyOf": [schema, {"const": 1}]}), &json!(1)));
    }
}
