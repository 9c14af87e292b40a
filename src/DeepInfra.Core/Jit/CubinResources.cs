// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace DeepInfra.Core.Jit;

/// <summary>
/// Registers, shared memory and stack frame of a kernel as its cubin states them: an ELF64 file with one <c>.text</c> and one
/// <c>.nv.shared</c> section per kernel and a list of attributes in <c>.nv.info</c>. Anything else gives zeros.
/// </summary>
internal readonly record struct CubinResources(int Registers, int StaticSharedBytes, int LocalBytes)
{
    private const ushort MachineCuda = 190;
    private const byte AttributeFrameSize = 0x11;
    private const byte AttributeRegisterCount = 0x2f;
    private const byte FormatSized = 4;
    private const int SectionHeaderBytes = 64;
    private const int SymbolBytes = 24;

    /// <summary>Reads them; never throws for malformed input.</summary>
    public static CubinResources Read(ReadOnlySpan<byte> elf, string kernel)
    {
        if (!IsCubin(elf))
            return default;
        var sections = ReadSections(elf);
        var symbols = Find(sections, ".symtab");
        var names = Find(sections, ".strtab");
        var info = Find(sections, ".nv.info");
        var shared = Find(sections, $".nv.shared.{kernel}");
        int registers = 0,
            frame = 0;
        var list = Slice(elf, info);
        while (list.Length >= 4)
        {
            // Format, attribute, and for sized values a length; else the value itself.
            int size =
                list[0] == FormatSized ? BinaryPrimitives.ReadUInt16LittleEndian(list[2..]) : 0;
            if (4 + size > list.Length)
                break;
            if (size >= 8)
            {
                var symbol = BinaryPrimitives.ReadInt32LittleEndian(list[4..]);
                var value = BinaryPrimitives.ReadInt32LittleEndian(list[8..]);
                if (NameOf(Slice(elf, symbols), Slice(elf, names), symbol) == kernel)
                    if (list[1] == AttributeRegisterCount)
                        registers = value;
                    else if (list[1] == AttributeFrameSize)
                        frame = value;
            }
            list = list[(4 + size)..];
        }
        return new CubinResources(registers, (int)Math.Min(shared.Size, int.MaxValue), frame);
    }

    /// <summary>The symbols of all kernels; never throws for malformed input.</summary>
    public static IReadOnlyList<string> Kernels(ReadOnlySpan<byte> elf)
    {
        const string Text = ".text.";
        return IsCubin(elf)
            ?
            [
                .. ReadSections(elf)
                    .Where(s => s.Name.StartsWith(Text, StringComparison.Ordinal))
                    .Select(s => s.Name[Text.Length..]),
            ]
            : [];
    }

    private static bool IsCubin(ReadOnlySpan<byte> elf) =>
        elf.Length >= 64
        && elf[..5].SequenceEqual("\u007fELF\u0002"u8)
        && BinaryPrimitives.ReadUInt16LittleEndian(elf[18..]) == MachineCuda;

    private static List<Section> ReadSections(ReadOnlySpan<byte> elf)
    {
        var table = BinaryPrimitives.ReadUInt64LittleEndian(elf[40..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[60..]);
        int nameTable = BinaryPrimitives.ReadUInt16LittleEndian(elf[62..]);
        var sections = new List<Section>();
        if (
            table > (ulong)elf.Length
            || (ulong)count * SectionHeaderBytes > (ulong)elf.Length - table
            || nameTable >= count
        )
            return sections;
        var names = Slice(elf, Header(elf, table, nameTable));
        for (var i = 0; i < count; i++)
        {
            var section = Header(elf, table, i);
            sections.Add(section with { Name = TextAt(names, section.NameOffset) });
        }
        return sections;
    }

    private static Section Header(ReadOnlySpan<byte> elf, ulong table, int index)
    {
        var header = elf.Slice((int)table + index * SectionHeaderBytes, SectionHeaderBytes);
        return new Section(
            "",
            BinaryPrimitives.ReadInt32LittleEndian(header),
            BinaryPrimitives.ReadUInt64LittleEndian(header[24..]),
            BinaryPrimitives.ReadUInt64LittleEndian(header[32..])
        );
    }

    private static Section Find(List<Section> sections, string name) =>
        sections.Find(s => s.Name == name);

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> elf, Section section) =>
        section.Offset <= (ulong)elf.Length && section.Size <= (ulong)elf.Length - section.Offset
            ? elf.Slice((int)section.Offset, (int)section.Size)
            : [];

    private static string NameOf(ReadOnlySpan<byte> symbols, ReadOnlySpan<byte> names, int index) =>
        index >= 0 && ((long)index + 1) * SymbolBytes <= symbols.Length
            ? TextAt(
                names,
                BinaryPrimitives.ReadInt32LittleEndian(symbols[(index * SymbolBytes)..])
            )
            : "";

    private static string TextAt(ReadOnlySpan<byte> table, int offset)
    {
        if (offset < 0 || offset >= table.Length)
            return "";
        var text = table[offset..];
        var end = text.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
    }

    private readonly record struct Section(string Name, int NameOffset, ulong Offset, ulong Size);
}
