from ratchet_runners.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
