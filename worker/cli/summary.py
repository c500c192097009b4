"""What `fleet scan` says at its end."""

import click

from db.paths import shown
from worker.scanning import Summary


def print_summary(summary: Summary) -> None:
    """Print a scan's summary for people, on stdout."""
    click.echo(f"Scanned {', '.join(map(shown, summary.roots))} in {summary.seconds:,.1f} s")
    click.echo(
        f"  files    {summary.found:,} found: {summary.new:,} new, {summary.changed:,} changed, "
        f"{summary.moved:,} moved, {summary.missing:,} missing, {summary.unreadable:,} unreadable"
    )
    click.echo(
        f"  library  {summary.tracks:,} tracks, {summary.albums:,} albums, "
        f"{summary.artists:,} artists"
    )
    for entity_type, sources in summary.covers.items():
        by_source = ", ".join(f"{count:,} {source}" for source, count in sources.items())
        click.echo(f"  covers   {sum(sources.values()):,} {entity_type}s: {by_source}")
    if summary.unreadable:
        click.echo("  Unreadable files and why: fleet problems")
