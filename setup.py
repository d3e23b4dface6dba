"""What pyproject.toml cannot say: the contract of the world model, at home in docs/, travels in the package."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONTRACT = ("gradient_flow.md", "gradient_flow.lock.json")
PACKAGE = Path("jepa_world_model", "gradient_flow")


class BuildWithContract(build_py):
    """Copies the contract beside the code that it is about; an editable install reads it from docs/."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, built in self._contract().items():
                self.copy_file(source, built)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), *self._contract().values()]

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *self._contract()]

    def _contract(self) -> dict[str, str]:
        """By file of the source tree: where it is built."""
        return {str(Path("docs", name)): str(Path(self.build_lib, PACKAGE, name)) for name in CONTRACT}


setup(cmdclass={"build_py": BuildWithContract})
