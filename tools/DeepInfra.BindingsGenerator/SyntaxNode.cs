// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace DeepInfra.BindingsGenerator;

/// <summary>
/// A node of clang's JSON tree with its place. clang leaves out the file and the line of a place where they are those
/// of the place printed before, so places are known only by reading all of them in order.
/// </summary>
internal sealed class SyntaxNode
{
    private SyntaxNode(JsonElement element, Place place, IReadOnlyList<SyntaxNode> children)
    {
        Element = element;
        Place = place;
        Children = children;
    }

    public JsonElement Element { get; }

    public Place Place { get; }

    public IReadOnlyList<SyntaxNode> Children { get; }

    public string Kind => Text("kind");

    public string Name => Text("name");

    /// <summary>The type as written.</summary>
    public string Type =>
        Element.TryGetProperty("type", out var type)
            ? type.GetProperty("qualType").GetString() ?? ""
            : "";

    public string Text(string property) =>
        Element.TryGetProperty(property, out var value) ? value.ToString() : "";

    public bool Flag(string property) =>
        Element.TryGetProperty(property, out var value) && value.ValueKind == JsonValueKind.True;

    /// <summary>Reads a whole tree.</summary>
    public static SyntaxNode Parse(JsonElement root) => new Tracker().Read(root);

    private sealed class Tracker
    {
        private string _file = "";
        private int _line;

        public SyntaxNode Read(JsonElement element)
        {
            var place = new Place(_file, _line);
            List<SyntaxNode> children = [];
            foreach (var property in element.EnumerateObject())
            {
                switch (property.Name)
                {
                    case "loc":
                        place = Follow(property.Value);
                        break;
                    case "range":
                        Follow(property.Value.GetProperty("begin"));
                        Follow(property.Value.GetProperty("end"));
                        break;
                    case "inner":
                        foreach (var child in property.Value.EnumerateArray())
                            children.Add(Read(child));
                        break;
                }
            }
            return new SyntaxNode(element, place, children);
        }

        // In a macro there are two places, where the macro is written and where it is used; the second one counts.
        private Place Follow(JsonElement location)
        {
            if (location.TryGetProperty("spellingLoc", out var spelling))
            {
                Follow(spelling);
                return Follow(location.GetProperty("expansionLoc"));
            }
            if (location.TryGetProperty("file", out var file))
                _file = file.GetString() ?? "";
            if (location.TryGetProperty("line", out var line))
                _line = line.GetInt32();
            return new Place(_file, _line);
        }
    }
}
