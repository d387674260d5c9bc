-- Elements of a notebook (JSON on stdin) become fragments of HTML or typst (JSON on stdout).
--
-- Run as `pandoc lua blocks.lua`. Each element is read on its own, so an unclosed fence or tag in
-- one cell cannot swallow the next, and in pandoc's sandbox, so nothing in a notebook opens a file
-- or a connection. Python decides what is shown; this script only knows pandoc's document tree.

local job = pandoc.json.decode(io.read("a"), false)
local HTML = job.format == "html"
local MARKDOWN = "commonmark+pipe_tables+footnotes+strikeout+task_lists+autolink_bare_uris+definition_lists"
local OPEN, CLOSE = utf8.char(0xE000), utf8.char(0xE001) -- around the number of a formula
local stringify = pandoc.utils.stringify

local state = {
  images = {}, headings = {}, notes = {}, refs = {}, ids = {}, title = nil, numbered = false,
  count = { Figure = 0, Table = 0 }, cell = 0, lua_id = 0,
}

local function note(text)
  table.insert(state.notes, { cell = state.cell, text = text })
end

local function read(text, format)
  return pandoc.read(text, format, {}, {}).blocks -- the empty table is the sandbox: no files
end

local function write(blocks, prefix)
  local options = pandoc.WriterOptions {
    html_math_method = "mathml", identifier_prefix = prefix or "", wrap_text = "none",
  }
  local text = pandoc.write(pandoc.Pandoc(blocks), HTML and "html5" or "typst", options)
  if not (HTML and prefix) then return text end
  -- the prefix keeps footnotes of two cells apart; ids that are unique by themselves do not need it
  return (text:gsub('id="' .. prefix:gsub("%-", "%%-") .. '([^"]+)"', function(id)
    return state.ids[id] and ('id="%s"'):format(id)
  end))
end

local function raw(text)
  return pandoc.RawInline(job.format, text)
end

local function rawblock(text)
  return pandoc.RawBlock(job.format, text)
end

local function unique(text, default)
  local slug = text:lower():gsub("[^%w]+", "-"):gsub("^%-+", ""):gsub("%-+$", ""):sub(1, 60)
  slug = slug:match("^%a") and slug or (default .. (slug == "" and "" or "-" .. slug))
  local id, n = slug, 1
  while state.ids[id] do n = n + 1; id = slug .. "-" .. n end
  state.ids[id] = true
  return id
end

-- ---- raw HTML ------------------------------------------------------------------------------

local GONE = { script = true, iframe = true, object = true, embed = true, video = true,
  audio = true, form = true, input = true, button = true }

local function has_raw(blocks)
  local found = false
  local function seen(el)
    found = true
    local tag = el.text:match("^%s*<(%a+)")
    if tag and GONE[tag:lower()] then note("<" .. tag:lower() .. "> in the text is not shown") end
  end
  pandoc.Blocks(blocks):walk { RawBlock = seen, RawInline = seen }
  return found
end

-- Tags are scattered over the tree: written out as one HTML text and read again they become
-- what they mean, and what pandoc does not know (scripts, frames) is dropped by its reader.
local function natively(blocks)
  if not has_raw(blocks) then return blocks end
  local text = pandoc.write(pandoc.Pandoc(blocks), "html5", { html_math_method = "plain" })
  return read(text, "html")
end

-- ---- formulas ------------------------------------------------------------------------------

local function formula(math)
  local el = pandoc.Math(math.display and "DisplayMath" or "InlineMath", math.tex)
  local shown = pandoc.write(pandoc.Pandoc { pandoc.Plain { el } }, "html5",
    { html_math_method = "mathml" })
  if shown:find("<math", 1, true) then return el end
  note("a formula is shown as its TeX source: " .. math.source:gsub("%s+", " "):sub(1, 60))
  return pandoc.Code((math.source:gsub("%s+", " ")))
end

local function source_again(text, maths)
  return (text:gsub(OPEN .. "(%d+)" .. CLOSE, function(n) return maths[tonumber(n)].source end))
end

local function with_formulas(blocks, maths)
  if #maths == 0 then return blocks end
  local function again(el) el.text = source_again(el.text, maths); return el end
  local function str(el)
    if not el.text:find(OPEN, 1, true) then return nil end
    local out, at = pandoc.Inlines {}, 1
    for from, n, to in el.text:gmatch("()" .. OPEN .. "(%d+)" .. CLOSE .. "()") do
      if from > at then out:insert(pandoc.Str(el.text:sub(at, from - 1))) end
      out:insert(formula(maths[tonumber(n)]))
      at = to
    end
    if at <= #el.text then out:insert(pandoc.Str(el.text:sub(at))) end
    return out
  end
  return pandoc.Blocks(blocks):walk { Str = str, Code = again, CodeBlock = again }
end

-- ---- tables --------------------------------------------------------------------------------

local STYLES = { color = true, ["background-color"] = true, ["font-weight"] = true,
  ["text-align"] = true }

local function css(text)
  local style = {}
  for name, value in (text or ""):gmatch("([%a-]+)%s*:%s*([^;]+)") do
    if STYLES[name:lower()] and not value:find("[%(\\@]") or value:match("^rgba?%([%d%s,.%%]+%)") then
      style[name:lower()] = value:gsub("%s+$", "")
    end
  end
  return style
end

local function each_cell(t, f)
  local function rows(list)
    for _, row in ipairs(list) do for i, cell in ipairs(row.cells) do f(cell, i) end end
  end
  rows(t.head.rows)
  for _, body in ipairs(t.bodies) do rows(body.head); rows(body.body) end
  rows(t.foot.rows)
end

local function text_of(cell)
  return (stringify(cell.contents):gsub("\u{a0}", " "):gsub("^%s+", ""):gsub("%s+$", ""))
end

local function colour(value)
  if not value then return nil end
  local hex = value:match("^#%x+$")
  if hex and (#hex == 7 or #hex == 4) then return 'rgb("' .. hex .. '")' end
  local r, g, b = value:match("^rgba?%(%s*(%d+)[%s,]+(%d+)[%s,]+(%d+)")
  if r then return ("rgb(%d, %d, %d)"):format(math.min(255, r), math.min(255, g), math.min(255, b)) end
  local named = job.colours[value:lower()]
  return named and 'rgb("' .. named .. '")'
end

local function style_cell(cell, rules)
  local style = css((rules[cell.identifier] or "") .. ";" .. (cell.attributes.style or ""))
  cell.attr = pandoc.Attr()
  local text = {}
  for _, name in ipairs { "color", "background-color", "font-weight", "text-align" } do
    if style[name] then text[#text + 1] = name .. ": " .. style[name] end
  end
  if HTML then
    if #text > 0 then cell.attributes.style = table.concat(text, "; ") end
    return
  end
  local back, fore = colour(style["background-color"]), colour(style["color"])
  if back then cell.attributes["typst:fill"] = back end
  if fore then cell.attributes["typst:text:fill"] = fore end
  if (style["font-weight"] or ""):match("^[bB]old") then
    cell.attributes["typst:text:weight"] = '"bold"'
  end
end

-- pandas sets the names of the index in a second header row: one row says it as well
local function join_headers(t)
  local rows = t.head.rows
  if #rows ~= 2 or #rows[1].cells ~= #rows[2].cells then return end
  for i, below in ipairs(rows[2].cells) do
    local above = rows[1].cells[i]
    if above.col_span > 1 or above.row_span > 1 or (text_of(above) ~= "" and text_of(below) ~= "") then
      return
    end
  end
  for i, below in ipairs(rows[2].cells) do
    if text_of(rows[1].cells[i]) == "" then rows[1].cells[i].contents = below.contents end
  end
  t.head.rows = pandoc.List { rows[1] }
end

local BOLD = 1.15 -- how much wider the words of a header are

local function columns(t)
  local info = {}
  for i = 1, #t.colspecs do info[i] = { long = 1, word = 1, numbers = 0, filled = 0 } end
  local function look(cell, i, header)
    if not info[i] or cell.col_span > 1 then return end
    local text = text_of(cell)
    if not header then info[i].long = math.max(info[i].long, utf8.len(text) or #text) end
    for word in text:gmatch("%S+") do
      local wide = (utf8.len(word) or #word) * (header and BOLD or 1)
      info[i].word = math.max(info[i].word, wide)
    end
    if not header and text ~= "" then
      info[i].filled = info[i].filled + 1
      local plain = text:gsub("−", "-"):gsub("[,%%]", "")
      if tonumber(plain) or plain:lower() == "nan" then info[i].numbers = info[i].numbers + 1 end
    end
  end
  for _, row in ipairs(t.head.rows) do for i, c in ipairs(row.cells) do look(c, i, true) end end
  for _, body in ipairs(t.bodies) do
    for _, row in ipairs(body.body) do for i, c in ipairs(row.cells) do look(c, i, false) end end
  end
  return info
end

-- Size of type at which these columns fit into a width: a digit is about half of it wide.
local function size_for(info, picked, width)
  local characters, n = 0, 0
  for _, i in ipairs(picked) do
    characters = characters + math.max(info[i].word, math.min(info[i].long, 36))
    n = n + 1
  end
  return math.min(9, width / (characters * 0.52 + n * 0.9))
end

local function all_columns(info)
  local picked = {}
  for i = 1, #info do picked[i] = i end
  return picked
end

local function plain_grid(t)
  local plain = true
  each_cell(t, function(cell) if cell.col_span > 1 or cell.row_span > 1 then plain = false end end)
  return plain
end

local function share(info, limit)
  local parts, part = {}, { 1 }
  for i = 2, #info do
    part[#part + 1] = i
    if #part > 2 and size_for(info, part, limit) < 6.5 then
      part[#part] = nil
      parts[#parts + 1] = part
      part = { 1, i }
    end
  end
  parts[#parts + 1] = part
  return parts
end

-- Groups of columns that can be read upright, none much smaller than the others;
-- the first column is repeated in each.
local function groups(info)
  local best = share(info, job.text_width)
  for percent = 95, 50, -5 do
    local narrower = share(info, job.text_width * percent / 100)
    if #narrower > #best then break end
    best = narrower
  end
  return best
end

local function only_columns(t, picked)
  local part = t:clone()
  local function pick(list)
    local out = pandoc.List {}
    for _, i in ipairs(picked) do out:insert(list[i]) end
    return out
  end
  local function rows(list) for _, row in ipairs(list) do row.cells = pick(row.cells) end return list end
  local head, foot, bodies = part.head, part.foot, part.bodies
  head.rows, foot.rows = rows(head.rows), rows(foot.rows)
  for _, body in ipairs(bodies) do body.head, body.body = rows(body.head), rows(body.body) end
  part.head, part.foot, part.bodies = head, foot, bodies
  part.colspecs = pick(t.colspecs)
  return part
end

local function sized(t, size)
  t.attributes["typst:text:size"] = ("%.2fpt"):format(size)
  return t
end

local function together(t) -- a short table does not break over pages
  local rows = #t.head.rows
  for _, body in ipairs(t.bodies) do rows = rows + #body.head + #body.body end
  return rows <= 16 and { rawblock("#block(breakable: false, width: 100%)["), t, rawblock("]") } or { t }
end

local function fitted(t, info)
  local upright = size_for(info, all_columns(info), job.text_width)
  if upright >= 5.5 then return together(sized(t, upright)) end
  local turned = size_for(info, all_columns(info), job.text_height)
  if turned >= 5.5 or not plain_grid(t) then
    return { rawblock("#bb-turned["), sized(t, math.max(3, turned)), rawblock("]") }
  end
  note("a table of " .. #info .. " columns is shown in parts")
  local parts, size = pandoc.Blocks {}, 9
  for _, picked in ipairs(groups(info)) do
    size = math.min(size, size_for(info, picked, job.text_width))
    parts:insert(only_columns(t, picked))
  end
  local out = pandoc.Blocks {}
  for _, part in ipairs(parts) do out:extend(together(sized(part, size))) end
  return out
end

local function bounds_ok(t)
  for _, body in ipairs(t.bodies) do
    for _, row in ipairs(body.body) do
      for _, cell in ipairs(row.cells) do
        if cell.col_span > #t.colspecs then return false end
      end
    end
  end
  return true
end

local function dress_table(t, rules)
  if not bounds_ok(t) then error("a cell spans more columns than the table has") end
  join_headers(t)
  each_cell(t, function(cell) style_cell(cell, rules) end)
  local info = columns(t)
  local left = HTML and "AlignDefault" or "AlignLeft" -- typst centres what has no side
  for i, column in ipairs(info) do
    local given = t.colspecs[i][1]
    local numeric = column.filled > 0 and column.numbers >= 0.8 * column.filled
    t.colspecs[i] = { given ~= "AlignDefault" and given or numeric and "AlignRight" or left, nil }
  end
  t.attr = pandoc.Attr()
  if HTML then
    return { rawblock('<div class="table">'), t, rawblock("</div>") }
  end
  return fitted(t, info)
end

-- ---- the parts of the text -----------------------------------------------------------------

local function safe_target(target)
  local scheme = target:lower():gsub("[%c%s]", ""):match("^([%a][%w+.-]*):")
  return not scheme or scheme == "http" or scheme == "https" or scheme == "mailto" or scheme == "doi"
end

local function image(el)
  state.lua_id = state.lua_id + 1
  local id = "m" .. state.lua_id
  local title = el.title or ""
  state.images[#state.images + 1] = {
    id = id, source = el.src, alt = stringify(el.caption), title = title, cell = state.cell,
    element = state.element, width = el.attributes.width or "", height = el.attributes.height or "",
  }
  return id
end

local function inline_image(id)
  return raw(HTML and ('<bb-image data-id="%s"></bb-image>'):format(id) or ('#bb-inline-image("%s");'):format(id))
end

local function a_caption(text)
  return text ~= "" and not text:match("^[%w%s_%-()]+%.%a%a%a%a?$") and text:lower() ~= "image"
    and text:lower() ~= "alt text"
end

local function numbered(kind, label)
  state.count[kind] = state.count[kind] + 1
  local name = kind .. " " .. state.count[kind]
  local id = unique(label ~= "" and label or name, kind:lower())
  if label ~= "" then state.refs[label] = { id = id, name = name } end
  return id, name
end

-- A paragraph that is one picture stands alone, and is a numbered figure when its text is a caption.
local function lone_picture(el)
  local found
  for _, inline in ipairs(el.content) do
    if inline.t == "Image" and not found then found = inline
    elseif inline.t ~= "Space" and inline.t ~= "SoftBreak" and inline.t ~= "LineBreak" then return nil end
  end
  if not found then return nil end
  local id = image(found)
  if not a_caption(stringify(found.caption)) then
    return rawblock(HTML and ('<p class="picture"><bb-image data-id="%s"></bb-image></p>'):format(id)
      or ('#bb-picture("%s")'):format(id))
  end
  local label = found.identifier or ""
  local anchor, name = numbered("Figure", label)
  return pandoc.Div({ pandoc.Plain(found.caption) },
    pandoc.Attr("", { "bb-figure" }, { anchor = anchor, name = name, image = id }))
end

local function clean_span(el)
  local style = css(el.attributes.style)
  local classes = el.classes:includes("underline") and { "underline" } or {}
  el.attr = pandoc.Attr("", classes)
  if HTML and (style.color or style["background-color"]) then
    local text = (style.color and "color: " .. style.color .. ";" or "")
      .. (style["background-color"] and "background-color: " .. style["background-color"] or "")
    el.attributes.style = text
  elseif not HTML and colour(style.color) then
    el.attributes["typst:text:fill"] = colour(style.color)
  end
  return el
end

local function clean_code(el)
  local lang = (el.classes[1] or ""):gsub("[^%w+#_-]", ""):lower()
  local id = HTML and unique("code-" .. state.element, "code") or ""
  el.attr = pandoc.Attr(id, lang ~= "" and { lang } or {})
  return el
end

local first = {
  Para = lone_picture,
  Plain = lone_picture,
  Figure = function(el) return el.content end,
  Header = function(el)
    local text = stringify(el.content):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")
    if text == "" then return {} end
    if el.level == 1 and not state.title and #state.headings == 0 then
      state.title = text
      state.refs["#" .. text:lower():gsub("%s+", "-")] = { id = "", name = text }
      return {}
    end
    local id = unique(text, "section")
    state.refs["#" .. text:lower():gsub("%s+", "-")] = { id = id, name = text }
    state.refs["#" .. id] = { id = id, name = text }
    table.insert(state.headings, { level = el.level, text = text, id = id, cell = state.cell })
    el.attr = pandoc.Attr(id)
    return el
  end,
}

local second = {
  Image = function(el) return inline_image(image(el)) end,
  Div = function(el)
    if el.classes:includes("bb-figure") then return nil end
    return el.content
  end,
  Span = clean_span,
  CodeBlock = clean_code,
  Code = function(el) el.attr = pandoc.Attr(); return el end,
  RawInline = function(el) if el.format ~= job.format then return {} end end,
  RawBlock = function(el) if el.format ~= job.format then return {} end end,
}

local function prepare(blocks, rules)
  blocks = pandoc.Blocks(blocks):walk { RawInline = function() return {} end, RawBlock = function() return {} end }
  blocks = blocks:walk(first)
  blocks = blocks:walk(second)
  return blocks:walk {
    Table = function(t)
      local ok, out = pcall(dress_table, t, rules or {})
      if ok then return out end
      note("a table is shown as text: " .. tostring(out):gsub("^.-: ", ""))
      return pandoc.CodeBlock(stringify(t))
    end,
  }
end

-- ---- references, numbers, second pass ------------------------------------------------------

local function link_to(ref, inlines)
  if ref.id == "" then return inlines end
  local body = pandoc.Inlines(inlines)
  if HTML then
    body:insert(1, raw('<a href="#' .. ref.id .. '">'))
    body:insert(raw("</a>"))
  else
    body:insert(1, raw('#bb-ref("' .. ref.id .. '")['))
    body:insert(raw("];"))
  end
  return body
end

local function breakable(text) -- a word longer than a line would run off the page
  if HTML or #text <= 50 then return text end
  local out, n = {}, 0
  for _, code in utf8.codes(text) do
    out[#out + 1] = utf8.char(code)
    n = n + 1
    if n % 25 == 0 then out[#out + 1] = "\u{200B}" end
  end
  return table.concat(out)
end

local function reference(el)
  local before, label, after = el.text:match("^(.-)@([%a]+[-:][%w_:.-]*[%w])(.*)$")
  local ref = label and state.refs[label]
  if not ref or before:match("[%w]$") then
    if label and before == "" and label:match("^fig[-:]") then
      note("the reference @" .. label .. " points to no figure")
    end
    el.text = breakable(el.text)
    return el
  end
  local out = pandoc.Inlines { pandoc.Str(before) }
  out:extend(link_to(ref, { pandoc.Str((ref.name:gsub(" ", "\u{a0}"))) }))
  out:insert(pandoc.Str(after))
  return out
end

local function link(el)
  if el.target:sub(1, 1) == "#" then
    local ref = state.refs[pandoc.text.lower(el.target):gsub("%%20", "-")] or state.refs[el.target:sub(2)]
    return ref and link_to(ref, el.content) or el.content
  end
  if not safe_target(el.target) then
    note("a link to " .. el.target:sub(1, 40) .. " is shown as text")
    return el.content
  end
  if not el.target:match("^%a[%w+.-]*:") then return el.content end -- relative: nothing is there
  return pandoc.Link(el.content, el.target)
end

local function levels()
  local least, prefixed = 6, 0
  for _, h in ipairs(state.headings) do
    least = math.min(least, h.level)
    if h.text:match("^%d+[%.%)]") or h.text:match("^%d+%s") then prefixed = prefixed + 1 end
  end
  state.numbered = prefixed * 2 < math.max(1, #state.headings)
  local before, at = 0, { 0, 0, 0, 0, 0, 0 }
  for _, h in ipairs(state.headings) do
    h.level = math.min(h.level - least + 1, before + 1)
    before = h.level
    at[h.level] = at[h.level] + 1
    for i = h.level + 1, 6 do at[i] = 0 end
    h.number = state.numbered and table.concat(at, ".", 1, h.level) or ""
    state.ids[h.id] = h
  end
end

local function heading(el)
  local h = state.ids[el.identifier]
  if type(h) ~= "table" then return el end
  el.level = HTML and math.min(6, h.level + 1) or h.level
  if HTML and h.number ~= "" then
    el.content:insert(1, raw('<span class="number">' .. h.number .. "</span> "))
  end
  return el
end

local function caption_of(el, name)
  local inlines = pandoc.Inlines { pandoc.Strong { pandoc.Str((name:gsub(" ", "\u{a0}")) .. ".") } }
  if #el.content > 0 then
    inlines:insert(pandoc.Space())
    inlines:extend(pandoc.utils.blocks_to_inlines(el.content))
  end
  return inlines
end

local function figure(el)
  if not el.classes:includes("bb-figure") then return nil end
  local a = el.attributes
  local caption = write({ pandoc.Plain(caption_of(el, a.name)) }, state.prefix)
  if HTML then
    return rawblock(('<figure id="%s"><bb-image data-id="%s"></bb-image><figcaption>%s</figcaption></figure>')
      :format(a.anchor, a.image, caption))
  end
  return rawblock(('#bb-figure("%s", "%s", [%s])'):format(a.image, a.anchor, caption))
end

local function finish(element)
  state.cell, state.element, state.prefix = element.cell, element.index, "e" .. element.index .. "-"
  local blocks = pandoc.Blocks(element.blocks):walk { Link = link, Str = reference, Header = heading }
  return write(blocks:walk { Div = figure }, state.prefix)
end

-- ---- one function for each kind of element --------------------------------------------------

local kinds = {}

function kinds.markdown(el)
  return prepare(with_formulas(natively(read(el.text, MARKDOWN)), el.maths))
end

local function caption_blocks(el)
  if (el.caption or "") == "" then return {} end
  local inlines = pandoc.utils.blocks_to_inlines(read(el.caption, MARKDOWN))
  return with_formulas({ pandoc.Plain(inlines) }, el.maths)
end

-- what an object shows of itself is no part of the text: its headings are bold lines
local function no_heading(el)
  return pandoc.Para { pandoc.Strong(el.content) }
end

function kinds.html(el)
  local blocks = pandoc.Blocks(read(el.text, "html")):walk { Header = no_heading }
  blocks = prepare(blocks, el.styles)
  if (el.caption or "") == "" and (el.label or "") == "" then return blocks end
  local done = false
  return blocks:walk { Table = function(t)
    if done then return nil end
    done = true
    local id, name = numbered("Table", el.label or "")
    local caption = caption_of({ content = caption_blocks(el) }, name)
    t.caption = { long = { pandoc.Plain(caption) } }
    t.identifier = id
    return t
  end }
end

function kinds.image(el)
  local id, name = numbered("Figure", el.label or "")
  return { pandoc.Div(caption_blocks(el),
    pandoc.Attr("", { "bb-figure" }, { anchor = id, name = name, image = el.image })) }
end

function kinds.code(el)
  return { pandoc.CodeBlock(el.text, pandoc.Attr(unique("code-" .. el.index, "code"), { el.lang })) }
end

local function reason(message)
  return (tostring(message):gsub("stack traceback.*", ""):gsub("%s+", " "):sub(1, 120))
end

local function run(el)
  state.cell, state.element = el.cell, el.index
  if el.label and el.label ~= "" then el.label = el.label:gsub("[^%w_:.-]", "-") end
  local ok, blocks = pcall(kinds[el.kind], el)
  if ok then return blocks end
  note("a part is shown as its source: " .. reason(blocks))
  return { pandoc.CodeBlock(el.source or el.text) }
end

local function main()
  for _, el in ipairs(job.elements) do el.blocks = run(el) end
  levels()
  local fragments = {}
  for i, el in ipairs(job.elements) do
    local ok, out = pcall(finish, el)
    if not ok then
      note("a part is shown as its source: " .. reason(out))
      out = write({ pandoc.CodeBlock(el.source or el.text) })
    end
    fragments[i] = { index = el.index, text = out }
  end
  return pandoc.json.encode {
    fragments = fragments, images = state.images, headings = state.headings, notes = state.notes,
    title = state.title or "", numbered = state.numbered, figures = state.count.Figure,
    tables = state.count.Table,
  }
end

local silently = pandoc.log and pandoc.log.silence
if silently then
  local _, out = silently(main)
  io.write(out)
else
  io.write(main())
end
