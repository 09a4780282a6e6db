//! Does a column type have a field at this path? Reads Trino's `row(street varchar, geo row(lat double))`.

/// Whether `path` leads to a field inside `data_type`; names are compared in lower case. The empty path always does.
pub(super) fn has_field(data_type: &str, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    fields(data_type).is_some_and(|fields| {
        fields
            .iter()
            .any(|(name, data_type)| *name == first.to_lowercase() && has_field(data_type, rest))
    })
}

/// Names (in lower case) and types of the fields of a row type; `None` for any other type.
fn fields(data_type: &str) -> Option<Vec<(String, &str)>> {
    let text = data_type.trim();
    let inner = text
        .get(..3)
        .filter(|word| word.eq_ignore_ascii_case("row"))
        .and_then(|_| text.get(3..))?;
    let inner = inner.trim_start().strip_prefix('(')?.strip_suffix(')')?;
    Some(top_level_parts(inner).into_iter().filter_map(field).collect())
}

/// `name type`, the name perhaps in double quotes.
fn field(text: &str) -> Option<(String, &str)> {
    let text = text.trim();
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, data_type) = quoted.split_once('"')?;
        return Some((name.to_lowercase(), data_type.trim()));
    }
    let (name, data_type) = text.split_once(char::is_whitespace)?;
    Some((name.to_lowercase(), data_type.trim()))
}

/// Splits at commas that stand outside parentheses and quotes.
fn top_level_parts(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth, mut quoted) = (Vec::new(), 0, 0_u32, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.extend(text.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(from..));
    parts
}

#[cfg(test)]
mod tests {
    use super::has_field;

    fn has(data_type: &str, path: &[&str]) -> bool {
        has_field(
            data_type,
            &path.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn finds_fields_at_any_depth_and_nothing_else() {
        let data_type = "row(street varchar, \"odd, name\" decimal(12,2), geo ROW(lat double, lon double))";
        assert!(has(data_type, &[]));
        assert!(has(data_type, &["Street"]));
        assert!(has(data_type, &["odd, name"]));
        assert!(has(data_type, &["geo", "lon"]));
        assert!(!has(data_type, &["zip"]));
        assert!(!has(data_type, &["street", "lat"]));
        assert!(!has("varchar", &["street"]));
        assert!(!has("array(row(a int))", &["a"]));
    }
}
