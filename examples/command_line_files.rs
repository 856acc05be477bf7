//! Writes man pages and shell completions, made from the command line's own definition, into the folders below `share` where a Debian
//! system looks for them: `cargo run --example command_line_files -- DIR`. Not in the program itself, which they would make larger.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap_complete::Shell;

/// Below `share`, for completions of each shell.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/ferscope"),
    (Shell::Zsh, "zsh/vendor-completions/_ferscope"),
    (Shell::Fish, "fish/vendor_completions.d/ferscope.fish"),
];
const MAN_PAGES: &str = "man/man1";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [share] = arguments.as_slice() else {
        eprintln!("name the folder to write into, and nothing else");
        return ExitCode::from(2);
    };
    match write(Path::new(share)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", share.display());
            ExitCode::FAILURE
        }
    }
}

fn write(share: &Path) -> io::Result<()> {
    let command = ferscope::cli::command();
    let pages = share.join(MAN_PAGES);
    std::fs::create_dir_all(&pages)?;
    clap_mangen::generate_to(command.clone(), pages)?;
    for (shell, file) in COMPLETIONS {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command.clone(), "ferscope", &mut text);
        let file = share.join(file);
        std::fs::create_dir_all(file.parent().expect("it stands in a folder"))?;
        std::fs::write(file, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Calls back with every command below this one, this one first, and its words.
    fn visit(command: &clap::Command, words: &str, look: &mut impl FnMut(&clap::Command, &str)) {
        look(command, words);
        for part in command.get_subcommands() {
            visit(part, &format!("{words}-{}", part.get_name()), look);
        }
    }

    #[test]
    fn every_command_and_option_has_its_place() {
        let share = tempfile::tempdir().unwrap();
        write(share.path()).unwrap();
        let read = |file: &str| {
            std::fs::read_to_string(share.path().join(file))
                .unwrap_or_else(|e| panic!("{file}: {e}"))
        };
        let completions = COMPLETIONS.map(|(_, file)| (file, read(file)));
        let (mut pages, mut options) = (0, 0);
        visit(&ferscope::cli::command(), "ferscope", &mut |command, words| {
            // Pages have hyphens and apostrophes of their own kind.
            let page =
                read(&format!("{MAN_PAGES}/{words}.1")).replace(r"\*(Aq", "'").replace('\\', "");
            let about =
                command.get_about().unwrap_or_else(|| panic!("{words} says nothing")).to_string();
            assert!(page.contains(&about), "{words}: {about}");
            pages += 1;
            for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
                options += 1;
                assert!(
                    page.contains(&format!("--{option}")),
                    "{words} --{option}: no word in its page"
                );
                for (file, text) in &completions {
                    let is_there = match file.ends_with(".fish") {
                        true => text.contains(&format!("-l {option} ")),
                        false => text.contains(&format!("--{option}")),
                    };
                    assert!(is_there, "{words} --{option}: not in {file}");
                }
            }
        });
        assert!(pages > 15 && options > 100, "only {pages} pages and {options} options");
        let there = std::fs::read_dir(share.path().join(MAN_PAGES)).unwrap().count();
        assert_eq!(there, pages, "a page of no command");
    }

    #[test]
    fn shells_and_formatters_take_them() {
        let share = tempfile::tempdir().unwrap();
        write(share.path()).unwrap();
        let page = format!("{MAN_PAGES}/ferscope-run.1");
        let checks: [(&str, &[&str], &str); 4] = [
            ("bash", &["-n"], COMPLETIONS[0].1),
            ("zsh", &["-n"], COMPLETIONS[1].1),
            ("fish", &["--no-execute"], COMPLETIONS[2].1),
            ("mandoc", &["-T", "lint", "-W", "error"], &page),
        ];
        for (program, options, file) in checks {
            let mut command = Command::new(program);
            command.args(options).arg(share.path().join(file)).stdin(Stdio::null());
            match command.output() {
                Ok(output) => assert!(
                    output.status.success() && output.stderr.is_empty(),
                    "{program} {file}: {}{}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr),
                ),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    eprintln!("skipped: {program} is not installed");
                }
                Err(error) => panic!("{program}: {error}"),
            }
        }
    }
}
