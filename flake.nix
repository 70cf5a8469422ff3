# Every tool at a pinned version (`nix develop`), the programs (`nix build`), the running system (`nix run`), the checks
# that need no server (`nix flake check`). scripts/devshell gives the first without Nix.
{
  description = "Message-based services on RabbitMQ: a gateway, one process per message pattern, a database per service";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;

      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];

      each = make: lib.genAttrs systems (system: make (parts nixpkgs.legacyPackages.${system}));

      manifest = lib.importTOML ./Cargo.toml;

      # Only what the compiler sees: a change of the documentation builds nothing anew.
      code = [
        ./Cargo.toml
        ./Cargo.lock
        ./crates
        ./gateway
        ./scaler
        ./operator
        ./workers
        ./sql
        ./tests
        ./docs/api
      ];
      stack = [
        ./process-compose.yaml
        ./scripts
      ];
      rules = [
        ./clippy.toml
        ./deny.toml
        ./rustfmt.toml
      ];
      files =
        paths:
        lib.fileset.toSource {
          root = ./.;
          fileset = lib.fileset.unions paths;
        };

      parts =
        pkgs:
        let
          # What the system runs on; the scripts expect it on the PATH.
          services = [
            pkgs.process-compose
            pkgs.rabbitmq-server
            pkgs.beam27Packages.erlang # epmd
            (lib.getBin pkgs.postgresql_17)
            pkgs.bashInteractive
            pkgs.coreutils
            pkgs.gnugrep
            pkgs.gnused
            pkgs.curl
            pkgs.jq
            pkgs.openssl
            pkgs.nodejs_24 # the page's server
          ]
          ++ lib.optional pkgs.stdenv.hostPlatform.isLinux pkgs.util-linux; # setpriv

          rust =
            let
              needed = manifest.workspace.package.rust-version;
              checked = (lib.importTOML ./rust-toolchain.toml).toolchain.channel;
              note =
                if pkgs.rustc.version == checked then
                  tools: tools
                else
                  builtins.trace "the code is checked with Rust ${checked}: clippy ${pkgs.rustc.version} may find other things";
            in
            if lib.versionAtLeast pkgs.rustc.version needed then
              note [
                pkgs.cargo
                pkgs.rustc
                pkgs.clippy
                pkgs.rustfmt
              ]
            else
              throw "this project needs Rust ${needed}, and nixpkgs has ${pkgs.rustc.version}: lock a newer nixpkgs";

          workspace =
            changes:
            pkgs.rustPlatform.buildRustPackage (
              {
                pname = "messaging-services";
                inherit (manifest.workspace.package) version;
                src = files code;
                cargoLock.lockFile = ./Cargo.lock;
                doCheck = false; # the tests are checks of their own, below
                env.BUILD_REVISION = self.shortRev or self.dirtyShortRev or ""; # there is no .git to ask
                meta = {
                  description = "The gateway, and a program for every message pattern";
                  license = [
                    lib.licenses.mit
                    lib.licenses.asl20
                  ];
                };
              }
              // changes
            );

          # A check instead of a build: runs a command where the dependencies are at hand, and keeps nothing.
          check =
            name: tools: command:
            workspace {
              pname = name;
              src = files (code ++ stack ++ rules);
              __darwinAllowLocalNetworking = true; # tests listen on 127.0.0.1
              nativeBuildInputs = tools;
              buildPhase = ''
                runHook preBuild
                ${command}
                runHook postBuild
              '';
              installPhase = "touch $out";
            };
        in
        rec {
          inherit
            pkgs
            services
            rust
            check
            ;

          programs = workspace {
            buildType = "dist"; # the profile in Cargo.toml for what is shipped
            cargoBuildFlags = [ "--bins" ];
          };

          # The page, and its server. The packages come from package-lock.json, by the hashes that stand there.
          page = pkgs.buildNpmPackage {
            pname = "messaging-services-page";
            inherit (manifest.workspace.package) version;
            nodejs = pkgs.nodejs_24;
            src = files [
              ./frontend
              ./docs/api/openapi.json
            ];
            sourceRoot = "source/frontend";
            npmDeps = pkgs.importNpmLock { npmRoot = ./frontend; };
            npmConfigHook = pkgs.importNpmLock.npmConfigHook;
            doCheck = true;
            checkPhase = ''
              runHook preCheck
              npm run typecheck
              npm test
              runHook postCheck
            '';
            installPhase = "cp -r dist $out";
          };

          # The whole system from the built programs; its state goes to .data in the current directory.
          run = pkgs.writeShellApplication {
            name = "messaging-services";
            runtimeInputs = services;
            text = ''
              export DATA_DIR="''${DATA_DIR:-$PWD/.data}"
              export ENV_FILE="''${ENV_FILE:-$PWD/.env}"
              export BIN_DIR=${programs}/bin
              export PAGE_DIR=${page}
              export IN_NIX_SHELL=run # every tool is on the PATH
              cd ${files stack}
              # shellcheck source=/dev/null
              . scripts/env
              exec process-compose "''${@:-up}"
            '';
          };
        };
    in
    {
      devShells = each (p: {
        default = p.pkgs.mkShell {
          packages =
            p.services
            ++ p.rust
            ++ [
              p.pkgs.cargo-deny
              (p.pkgs.libfaketime or null) # wrong clocks, for the system tests; not every nixpkgs has it
              p.pkgs.python3 # runs what checks the contract
              p.pkgs.rust-analyzer
              p.pkgs.shellcheck
              (p.pkgs.pgbouncer or null) # for a test of poolers; likewise
              (p.pkgs.prometheus or null) # reads metrics in a system test, and promtool checks ops/; likewise
            ]
            ++ p.pkgs.lib.optionals p.pkgs.stdenv.hostPlatform.isLinux [
              p.pkgs.chromium # for the tests in a browser
              (p.pkgs.systemd or null) # checks units
            ];
          env.RUST_SRC_PATH = "${p.pkgs.rustPlatform.rustLibSrc}"; # for rust-analyzer
          shellHook = ''
            here=$PWD
            while [ ! -e "$here/scripts/env" ] && [ "$here" != / ]; do here=$(dirname "$here"); done
            if [ -e "$here/scripts/env" ]; then
              . "$here/scripts/env"
            else
              echo "Not inside the repository: the tools are here, its settings are not." >&2
            fi
            unset here
          '';
        };
      });

      packages = each (p: {
        default = p.programs;
        inherit (p) page;
      });

      apps = each (p: {
        default = {
          type = "app";
          program = lib.getExe p.run;
          meta.description = "Runs the whole system; arguments go to process-compose";
        };
      });

      checks = each (p: {
        inherit (p) programs page run;
        fmt = p.check "fmt" p.rust "cargo fmt --check";
        clippy = p.check "clippy" p.rust ''
          cargo clippy --workspace --all-targets --frozen -- -D warnings
          cargo clippy --frozen -- -D warnings # without the features that only tests and documents turn on
        '';
        unit = p.check "unit" p.rust "cargo test --workspace --exclude system-tests --frozen";
        deny = p.check "deny" [ p.pkgs.cargo-deny ] "cargo deny --offline check bans licenses sources";
        shell = p.check "shell" [ p.pkgs.shellcheck ] ''
          shellcheck --external-sources $(grep -lE '^#(!.*bash| shellcheck shell=bash)' scripts/*)
        '';
      });

      formatter = each (p: p.pkgs.nixfmt-tree);
    };
}
