//! Which parts does a form have (RFC 7578)? Of a body that is bounded and in memory; nothing is streamed.

/// One part of a form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part<'a> {
    pub name: String,
    /// Name of the file, if it is one.
    pub file: Option<String>,
    pub content: &'a [u8],
}

/// The parts of a body; `content_type` has the boundary. `None`: it is malformed or cut off.
#[must_use]
pub fn parts<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let boundary = parameter(content_type, "boundary").filter(|boundary| (1..=70).contains(&boundary.len()))?;
    let (first, middle) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    let mut rest = match body.strip_prefix(first.as_bytes()) {
        Some(rest) => rest,
        // What stands before the first boundary means nothing.
        None => split(body, middle.as_bytes())?.1,
    };
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        // Spaces may follow a boundary.
        let (padding, after) = split(rest, b"\r\n")?;
        if !padding.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            return None;
        }
        let (part, next) = split(after, middle.as_bytes())?;
        parts.push(read(part)?);
        rest = next;
    }
}

fn read(part: &[u8]) -> Option<Part<'_>> {
    let (headers, content) = split(part, b"\r\n\r\n")?;
    let headers = std::str::from_utf8(headers).ok()?;
    let disposition = headers.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    if !disposition.trim_start().to_ascii_lowercase().starts_with("form-data") {
        return None;
    }
    Some(Part {
        name: parameter(disposition, "name")?,
        file: parameter(disposition, "filename"),
        content,
    })
}

/// A parameter of a header: `; name=token` or `; name="text"`, where a backslash escapes, and `%22` is a quote as browsers
/// write it.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header;
    loop {
        rest = rest.split_once(';')?.1;
        let (name, value) = rest.split_once('=')?;
        let (text, after) = value_of(value)?;
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(text);
        }
        rest = after;
    }
}

fn value_of(value: &str) -> Option<(String, &str)> {
    let value = value.trim_start();
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find(';').unwrap_or(value.len());
        let (token, after) = value.split_at_checked(end)?;
        return Some((token.trim().to_owned(), after));
    };
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text.replace("%22", "\""), quoted.get(at + 1..)?)),
            '\\' => text.push(chars.next()?.1),
            _ => text.push(c),
        }
    }
    None
}

/// What stands before the first `mark`, and what behind it.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; charset=utf-8; boundary=\"b\"";

    #[test]
    fn parts_keep_names_and_bytes() {
        let body = "preamble\r\n--b\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; filename=\"a \\\"x\\\";.yaml\"; name=f\r\n\r\n\
                    lake: x\r\n--\r\n\r\n--b  \r\nContent-Disposition: form-data; name=\"lake\"\r\n\r\n\r\n--b--\r\nepilogue";
        let found = parts(KIND, body.as_bytes()).unwrap();
        let file = Part {
            name: "f".to_owned(),
            file: Some("a \"x\";.yaml".to_owned()),
            content: b"lake: x\r\n--\r\n",
        };
        let lake = Part {
            name: "lake".to_owned(),
            file: None,
            content: b"",
        };
        assert_eq!(found, [file, lake]);
        assert_eq!(parts(KIND, b"--b--").unwrap(), []);
    }

    #[test]
    fn what_is_cut_off_is_no_form() {
        let whole = b"--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\ntext\r\n--b--";
        assert!(parts(KIND, whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(parts(KIND, &whole[..end]), None, "{end}");
        }
        for wrong in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=c",
        ] {
            assert_eq!(parts(wrong, whole), None, "{wrong}");
        }
        assert_eq!(parts(KIND, b"--b\r\nname: f\r\n\r\ntext\r\n--b--"), None);
        assert_eq!(
            parts(
                KIND,
                b"--bx\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\ntext\r\n--b--"
            ),
            None
        );
    }
}
