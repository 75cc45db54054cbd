fn main() -> std::process::ExitCode {
    nntop::cli::main()
}
